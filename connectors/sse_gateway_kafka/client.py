"""aiokafka's clients: how they are made, started, asked and ended for good, and every private part of aiokafka that this
package relies on.

`tests/connectors/kafka/test_library.py` fails when a new release changes one of these parts.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import anyio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import ConnectionGroup
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError, NodeNotReadyError
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest_v5
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from sse_gateway.connector import SourceUnavailable

from .config import KafkaConfig
from .errors import translated
from .security import security_options

# How long each part of a goodbye may take, to a broker that may be away; the gateway gives the whole of it 5 s.
GOODBYE = 1.5


@dataclass(frozen=True, slots=True)
class Broker:
    """The first server that answered."""

    connection: Any
    """Where requests can be sent."""
    options: dict[str, Any]
    """What a client of this cluster is made with. It begins at this server: aiokafka would wait for each silent one."""


@asynccontextmanager
async def first_broker(config: KafkaConfig) -> AsyncIterator[Broker]:
    """Connect to one of `servers`. aiokafka's clients only log why a server refuses them, so this goes before them: its
    errors say that it is the password, or the certificate.

    Raises:
        SourceUnavailable: no server answers; says why, for the last one tried.
    """
    options = {
        "client_id": config.client_id,
        "request_timeout_ms": int(config.timeout * 1000),
        **await security_options(config),
    }
    refusal = SourceUnavailable("no servers")
    for server in random.sample(config.servers, len(config.servers)):
        host, _, port = server.rpartition(":")
        try:
            with translated(server):
                connection = await create_conn(host.strip("[]"), int(port), **options)
        except SourceUnavailable as error:
            refusal = error
            continue
        try:
            yield Broker(connection, {**options, "bootstrap_servers": server})
        finally:
            connection.close()
        return
    raise refusal


async def start(client: AIOKafkaConsumer | AIOKafkaProducer, *, within: float) -> None:
    """Start a client; it has to be closed also when this raises.

    Shielded, because aiokafka 0.14 leaves a connection open when it is cancelled in waiting for the first answer. The
    server has just answered us, so that is a matter of milliseconds.

    Raises:
        SourceUnavailable: the cluster refuses us, or `within` seconds were not enough.
    """
    with translated("kafka"), anyio.fail_after(within, shield=True):
        await client.start()


async def close(client: AIOKafkaConsumer | AIOKafkaProducer) -> None:
    """End a client and all its connections, whatever the brokers do, also when we are being cancelled.

    A connection is aborted if it is not closed by then: under uvloop the goodbye of TLS may take 30 s when an answer
    was still on its way.
    """
    network = client.client if isinstance(client, AIOKafkaProducer) else client._client
    transports = _transports(network, *ConnectionGroup)
    await _end(client.stop)
    for transport in transports:
        transport.abort()
    await _end(network.close)


async def know(consumer: AIOKafkaConsumer, topics: set[str]) -> None:
    """Have `consumer` look `topics` up, or the first question about an offset waits for nothing."""
    await consumer._client.set_topics(topics)


def on_metadata(consumer: AIOKafkaConsumer, notice: Callable[[object], None]) -> None:
    """`notice` is called whenever `consumer` has looked its topics up: every `refresh`, and when a broker says that
    something is not as it was."""
    consumer._client.cluster.add_listener(notice)


async def ask(consumer: AIOKafkaConsumer, request: Any) -> Any:
    """The answer of any broker of the cluster. Raises KafkaError when none answers."""
    client = consumer._client
    error: KafkaError = NodeNotReadyError("no broker is known")
    brokers = list(client.cluster.brokers())
    for broker in random.sample(brokers, len(brokers)):
        try:
            return await client.send(broker.nodeId, request)
        except KafkaError as refusal:
            error = refusal
    raise error


async def assignment(consumer: AIOKafkaConsumer) -> None:
    """Wait until the group has given `consumer` its partitions."""
    await consumer._subscription.wait_for_assignment()


async def committed(consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> dict[TopicPartition, Any]:
    """What the group has committed, by partition, with its `offset` and `metadata`: aiokafka's own committed() keeps the
    metadata to itself."""
    found = await consumer._coordinator.fetch_committed_offsets(partitions)
    return {partition: place for partition, place in found.items() if place.offset >= 0}


def cut_coordination(consumer: AIOKafkaConsumer) -> None:
    """Abort the connection to the group's coordinator: what waits for an answer there waits no more."""
    for transport in _transports(consumer._client, ConnectionGroup.COORDINATION):
        transport.abort()


def _transports(network: Any, *groups: ConnectionGroup) -> list[asyncio.Transport]:
    lines = [line for (_, group), line in network._conns.items() if group in groups and line.connected()]
    return [line._writer.transport for line in lines]


async def _end(act: Callable[[], Awaitable[None]]) -> None:
    # aiokafka 0.14: stop() of a consumer raises CancelledError while a broker is unreachable, and leaves connections
    # open; close() does after a stop() that was cut short. In a task of its own that is the end of the task only.
    with anyio.move_on_after(GOODBYE, shield=True):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_tolerating, act)


async def _tolerating(act: Callable[[], Awaitable[None]]) -> None:
    try:
        with translated("kafka"):
            await act()
    except SourceUnavailable:
        pass  # there is nobody to say goodbye to


# The Metadata request of version 12 names clusters and topics by their ids; aiokafka's own stops at version 5. It is built
# of aiokafka's protocol classes, so that it travels over aiokafka's connections, with their TLS and SASL. Brokers older than
# Kafka 2.8, and some that only speak Kafka's protocol, answer with version 5: topics without ids.

NO_ID = bytes(16)
_TEXT = CompactString("utf-8")
_TAGS = ("tags", TaggedFields)


class _Uuid(AbstractType):  # type: ignore[misc]  # aiokafka is untyped
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)


_BROKER = (("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT), _TAGS)
_PARTITION = (
    ("error_code", Int16),
    ("partition", Int32),
    ("leader", Int32),
    ("leader_epoch", Int32),
    ("replicas", CompactArray(Int32)),
    ("isr", CompactArray(Int32)),
    ("offline_replicas", CompactArray(Int32)),
    _TAGS,
)
_TOPIC = (
    ("error_code", Int16),
    ("topic", _TEXT),
    ("topic_id", _Uuid),
    ("is_internal", Boolean),
    ("partitions", CompactArray(*_PARTITION)),
    ("authorized_operations", Int32),
    _TAGS,
)


class _Response12(Response):  # type: ignore[misc]
    API_KEY, API_VERSION = 3, 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", CompactArray(*_BROKER)),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        ("topics", CompactArray(*_TOPIC)),
        _TAGS,
    )


class _Request12(RequestStruct):  # type: ignore[misc]
    API_KEY, API_VERSION, FLEXIBLE_VERSION, RESPONSE_TYPE = 3, 12, True, _Response12
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", _TEXT), _TAGS)),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        _TAGS,
    )


class TopicsRequest(Request[MetadataRequest_v5 | _Request12]):  # type: ignore[misc]
    """Asks for the cluster's id and for these topics, or for all; makes none that is not there."""

    API_KEY = 3

    def __init__(self, topics: tuple[str, ...] | None) -> None:
        self._topics = topics

    def build(self, struct: type[Any]) -> Any:
        """The request in the newest version that the broker and we know."""
        if struct is MetadataRequest_v5:
            return struct(None if self._topics is None else list(self._topics), False)
        tags: dict[int, bytes] = {}
        named = None if self._topics is None else [(NO_ID, name, tags) for name in self._topics]
        return struct(named, False, False, tags)
