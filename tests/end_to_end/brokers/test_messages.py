"""What brokers have, as it comes to a client: let in by passwords and certificates, with its headers, deletions and failures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import aio_pika
import anyio
import pytest

from sse_gateway.testing import EventStreamReader, ReceivedEvent
from tests.brokers.certificates import Certificates

from ..gateway import Gateway, running
from .source import Upstreams

pytestmark = pytest.mark.anyio

ROUTE = """
[[routes]]
path = "/events/{name}"
channels = ["{path.name}"]
"""


def source(name: str, connector: str, options: str, more: str = "") -> str:
    return f'[sources.{name}]\nchannel = "{name}"\n{more}\n[sources.{name}.{connector}]\n{options}\n'


def tls(certificates: Certificates) -> str:
    """With our certificate."""
    ours = f'certificate = "{certificates.client}", key = "{certificates.client_key}"'
    return f'tls = {{ ca = "{certificates.authority}", {ours} }}'


async def events(gateway: Gateway, channel: str, count: int) -> Sequence[ReceivedEvent]:
    """The first of a channel, from its log."""
    found: list[ReceivedEvent] = []
    async with EventStreamReader(f"{gateway.public}/events/{channel}", last_event_id="earliest") as stream:
        while len(found) < count:
            event = await stream.receive()
            found += [] if event.type.startswith("gateway.") else [event]
    return found


async def test_each_way_in(tmp_path: Path, upstreams: Upstreams) -> None:
    """By certificate at both brokers, and by each kind of password at Kafka, with and without TLS."""
    rabbitmq, kafka, certificates = upstreams.rabbitmq, upstreams.kafka, upstreams.kafka.certificates
    exchange, topic = await upstreams.rabbit.exchange(), await upstreams.topics.create(partitions=1)
    user = f'username = "{kafka.user}", password = "{kafka.password}"'
    authority = f'tls = {{ ca = "{certificates.authority}" }}'
    kafkas = {
        "certificate": (kafka.tls, tls(certificates)),
        "plain": (kafka.sasl, f'sasl = {{ mechanism = "PLAIN", {user} }}'),
        "scram-256": (kafka.sasl, f'sasl = {{ mechanism = "SCRAM-SHA-256", {user} }}'),
        "scram-512": (kafka.sasl, f'sasl = {{ mechanism = "SCRAM-SHA-512", {user} }}'),
        "scram-over-tls": (kafka.sasl_tls, f'sasl = {{ mechanism = "SCRAM-SHA-512", {user} }}\n{authority}'),
    }
    options = f'url = "{rabbitmq.tls_url}"\nexchange = "{exchange}"\n{tls(certificates)}'
    text = ROUTE + source("rabbitmq", "rabbitmq", options)
    for name, (servers, ways) in kafkas.items():
        text += source(name, "kafka", f'servers = ["{servers}"]\ntopics = ["{topic}"]\n{ways}')
    with anyio.fail_after(120):
        async with running(tmp_path, text) as gateway:
            await upstreams.rabbit.publish([b"let in"], exchange=exchange, key="any")
            await upstreams.topics.send(topic, [b"let in"])
            for channel in ("rabbitmq", *kafkas):
                [event] = await events(gateway, channel, 1)
                assert event.data == "let in", channel


async def test_what_can_not_be_mapped_is_dead_lettered(tmp_path: Path, upstreams: Upstreams) -> None:
    """The messages around it come, with the type that their header names."""
    failed = await upstreams.rabbit.queue()
    queue = await upstreams.rabbit.queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": failed})
    options = f'url = "{upstreams.rabbit.url}"\nmode = "queue"\nqueue = "{queue}"\nsingle_replica = true'
    text = ROUTE + source("orders", "rabbitmq", options, 'encoding = "json"\nevent = "{headers.x-kind}"')
    with anyio.fail_after(120):
        async with running(tmp_path, text) as gateway:
            for body in (b'{"order": 1}', b"no JSON", b'{"order": 2}'):
                await upstreams.rabbit.publish([body], key=queue, headers={"X-Kind": "paid"})
            [dead] = await upstreams.rabbit.read(failed, 1)
            came = await events(gateway, "orders", 2)
            async with upstreams.rabbit.channel() as channel:
                left: aio_pika.abc.AbstractQueue = await channel.get_queue(queue)
            assert await gateway.metric("sse_gateway_source_unmappable_total") == 1
    assert (dead.body, dead.headers["X-Kind"]) == (b"no JSON", "paid")
    assert [(event.type, event.data) for event in came] == [("paid", '{"order":1}'), ("paid", '{"order":2}')]
    assert left.declaration_result.message_count == 0


async def test_a_tombstone_is_the_deletion_of_its_key(tmp_path: Path, upstreams: Upstreams) -> None:
    topic = await upstreams.topics.create(partitions=1)
    options = f'servers = ["{upstreams.kafka.bootstrap}"]\ntopics = ["{topic}"]'
    text = ROUTE + source("orders", "kafka", options, 'event = "{headers.kind}"')
    with anyio.fail_after(120):
        async with running(tmp_path, text) as gateway:
            await upstreams.topics.send(topic, [b"paid it is"], key=b"7", headers=[("Kind", b"paid")])
            await upstreams.topics.send(topic, [None], key=b"7")
            came = await events(gateway, "orders", 2)
    assert [(event.type, event.data) for event in came] == [("paid", "paid it is"), ("delete", "7")]
