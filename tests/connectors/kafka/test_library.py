"""The private parts of aiokafka that `sse_gateway_kafka.client` relies on, against librdkafka's mock of a cluster. A failure
here means that a new release of aiokafka changed one of them."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import ConnectionGroup
from aiokafka.conn import create_conn

from sse_gateway_kafka import client
from sse_gateway_kafka.client import TopicsRequest
from tests.brokers.kafka.mock import MockKafka
from tests.connectors.private import private_parts

PARTITION = TopicPartition("topic", 0)


@pytest.fixture
async def consumer() -> AsyncIterator[AIOKafkaConsumer]:
    """A member of a group that has its partitions."""
    with MockKafka() as mock:
        mock.create("topic", 1)
        consumer = AIOKafkaConsumer(bootstrap_servers=mock.bootstrap, group_id="group", enable_auto_commit=False)
        async with client.running(consumer, within=10):
            consumer.subscribe(["topic"])
            with anyio.fail_after(20):
                await client.assignment(consumer)
            yield consumer


def test_private_parts_stand_in_one_file() -> None:
    assert set(private_parts(Path(client.__file__).parent, public={"aiokafka"})) == {"client.py"}


def test_a_connection_takes_the_options_of_a_client() -> None:
    ours = {"client_id", "request_timeout_ms", "security_protocol", "ssl_context", "sasl_mechanism"}
    ours |= {"sasl_plain_username", "sasl_plain_password", "sasl_oauth_token_provider"}
    for made in (create_conn, AIOKafkaConsumer, AIOKafkaProducer):
        assert ours <= inspect.signature(made).parameters.keys()


async def test_a_group_gives_its_partitions_and_keeps_what_was_committed_with_its_metadata(
    consumer: AIOKafkaConsumer,
) -> None:
    assert consumer.assignment() == {PARTITION}
    assert await client.committed(consumer, [PARTITION]) == {}
    await consumer.commit({PARTITION: (5, "identity")})
    place = (await client.committed(consumer, [PARTITION]))[PARTITION]
    assert (place.offset, place.metadata) == (5, "identity")


async def test_a_lookup_of_topics_is_noticed(consumer: AIOKafkaConsumer) -> None:
    noticed: list[object] = []
    client.on_metadata(consumer, noticed.append)
    await client.know(consumer, {"topic"})
    await consumer._client.force_metadata_update()
    assert noticed


async def test_any_broker_answers_a_request_of_ours(consumer: AIOKafkaConsumer) -> None:
    answer = await client.ask(consumer, TopicsRequest(("topic",)))
    assert [topic[1] for topic in answer.topics] == ["topic"]


@pytest.mark.parametrize(("newest", "version"), [(18, 12), (12, 12), (8, 5)])
def test_the_newest_version_that_both_know_is_asked(newest: int, version: int) -> None:
    """Neither makes a topic that is not there, which would be Kafka's way with a name that was asked for."""
    for topics in (("a", "b"), None):
        request = TopicsRequest(topics).prepare({3: (0, newest)})
        assert (request.API_VERSION, request.allow_auto_topic_creation) == (version, False)
        assert request.encode()


async def test_connections_can_be_found_by_their_kind_and_cut(consumer: AIOKafkaConsumer) -> None:
    def open_lines(*groups: ConnectionGroup) -> list[Any]:
        return [line for line in client._transports(consumer._client, *groups) if not line.is_closing()]

    assert open_lines(ConnectionGroup.COORDINATION) and open_lines(ConnectionGroup.DEFAULT)
    client.cut_coordination(consumer)
    assert not open_lines(ConnectionGroup.COORDINATION) and open_lines(ConnectionGroup.DEFAULT)


async def test_a_producer_shows_its_client() -> None:
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1")
    assert client._transports(producer.client, *ConnectionGroup) == []
    await client._close(producer)
