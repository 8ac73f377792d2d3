"""aiokafka's clients: how they connect, run, are asked and end, the meaning of their errors, and every private part of
aiokafka that this package relies on.

`tests/connectors/kafka/test_library.py` fails when a new release changes one of these parts.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from io import BytesIO
from typing import Any

import anyio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka
from aiokafka.client import ConnectionGroup
from aiokafka.conn import create_conn
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest_v5
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from sse_gateway.connector import SourceUnavailable, Translation

from .config import KafkaConfig
from .security import security_options

# Seconds for each step of closing, while a broker may be away. The gateway allows 5 s for all of them.
GOODBYE = 1.5

_MEANINGS: tuple[tuple[type[BaseException], str], ...] = (
    (kafka.SaslAuthenticationFailed, "the broker refuses `sasl`"),
    (kafka.AuthenticationFailedError, "the broker refuses `sasl`"),
    (kafka.UnsupportedSaslMechanismError, "the broker does not offer `sasl.mechanism`"),
    (kafka.IllegalSaslStateError, "the broker refuses `sasl`"),  # aiokafka detects a refused token in the next request
    (kafka.TopicAuthorizationFailedError, "this user may not read or write the topic"),
    (kafka.GroupAuthorizationFailedError, "this user may not use the group"),
    (kafka.ClusterAuthorizationFailedError, "this user may not do that on this cluster"),
    (kafka.UnknownTopicOrPartitionError, "the topic does not exist"),
    (kafka.MessageSizeTooLargeError, "the message is larger than the topic allows"),
    (kafka.UnsupportedCodecError, "the codec of a compressed topic is missing: pip install 'sse-gateway[kafka]'"),
    (kafka.CorruptRecordException, "the broker sent damaged data"),
    (kafka.RequestTimedOutError, "no answer within `timeout`"),
    (kafka.KafkaTimeoutError, "no answer within `timeout`"),
    (kafka.NodeNotReadyError, "no connection to the brokers"),
    (kafka.KafkaConnectionError, "no connection to the brokers"),
    (kafka.IncompatibleBrokerVersion, "the broker is too old"),
    (NotImplementedError, "the broker supports no version of the protocol that this client supports"),
    (kafka.KafkaError, "the broker refuses"),
    (kafka.ConsumerStoppedError, "the consumer has stopped"),
    (kafka.IllegalOperation, "the broker refuses"),
    (ssl.SSLCertVerificationError, "the broker's certificate is not trusted (`tls.ca`)"),
    (ssl.SSLError, "TLS with the broker failed"),
    (TimeoutError, "no answer within `timeout`"),
    (OSError, "no connection to the brokers"),
    # Another service listens at that port, or an answer was cut off: aiokafka then fails when it decodes the answer.
    (EOFError, "the connection was closed in the middle of an answer"),
    (ValueError, "the answer is not from Kafka"),
    (KeyError, "the answer is not from Kafka"),
    (AssertionError, "the answer is not from Kafka"),
)

translated = Translation([(kind, text + "{detail}") for kind, text in _MEANINGS])


@asynccontextmanager
async def first_broker(config: KafkaConfig) -> AsyncIterator[tuple[Any, dict[str, Any]]]:
    """Connect to the first of `servers` that answers. Gives the connection, and the options of a client of this cluster,
    which begins at this server, because aiokafka would wait for each silent one.

    aiokafka's clients only log why a server refuses them. This connects first, so that its errors name the reason, such as
    the password or the certificate.

    Raises:
        SourceUnavailable: no server answers; holds the reason of the last one tried.
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
            yield connection, {**options, "bootstrap_servers": server}
        finally:
            connection.close()
        return
    raise refusal


@asynccontextmanager
async def running(client: AIOKafkaConsumer | AIOKafkaProducer, *, within: float) -> AsyncIterator[None]:
    """Start a client, and close it whatever happens.

    The start is shielded, because aiokafka 0.14 leaves a connection open when it is cancelled while it waits for the first
    answer. The server has just answered `first_broker`, so the start takes milliseconds.

    Raises:
        SourceUnavailable: the cluster refuses the client, or `within` seconds were not enough.
    """
    try:
        with translated("kafka"), anyio.fail_after(within, shield=True):
            await client.start()
        yield
    finally:
        await _close(client)


async def _close(client: AIOKafkaConsumer | AIOKafkaProducer) -> None:
    """Close a client and all its connections, whatever the brokers do, also while this task is cancelled.

    A connection that is still open after the stop is aborted: under uvloop the end of TLS may take 30 s if an answer was in
    transit.
    """
    network = client.client if isinstance(client, AIOKafkaProducer) else client._client
    transports = _transports(network, *ConnectionGroup)
    await _end(client.stop)
    for transport in transports:
        transport.abort()
    await _end(network.close)


async def know(consumer: AIOKafkaConsumer, topics: set[str]) -> None:
    """Have `consumer` look up `topics`. Without this, its first request about an offset waits in vain."""
    await consumer._client.set_topics(topics)


def on_metadata(consumer: AIOKafkaConsumer, notice: Callable[[object], None]) -> None:
    """`notice` is called whenever `consumer` has looked up its topics: every `refresh`, and when a broker reports that
    something has changed."""
    consumer._client.cluster.add_listener(notice)


async def ask(consumer: AIOKafkaConsumer, request: Any) -> Any:
    """The answer of any broker of the cluster. Raises KafkaError when none answers."""
    client = consumer._client
    error: kafka.KafkaError = kafka.NodeNotReadyError("no broker is known")
    brokers = list(client.cluster.brokers())
    for broker in random.sample(brokers, len(brokers)):
        try:
            return await client.send(broker.nodeId, request)
        except kafka.KafkaError as refusal:
            error = refusal
    raise error


async def assignment(consumer: AIOKafkaConsumer) -> None:
    """Wait until the group has assigned partitions to `consumer`."""
    await consumer._subscription.wait_for_assignment()


async def committed(consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> dict[TopicPartition, Any]:
    """What the group has committed, by partition, as `offset` and `metadata`. aiokafka's own committed() does not return
    the metadata."""
    found = await consumer._coordinator.fetch_committed_offsets(partitions)
    return {partition: place for partition, place in found.items() if place.offset >= 0}


def cut_coordination(consumer: AIOKafkaConsumer) -> None:
    """Abort the connection to the group's coordinator, which ends every wait for an answer from it."""
    for transport in _transports(consumer._client, ConnectionGroup.COORDINATION):
        transport.abort()


def _transports(network: Any, *groups: ConnectionGroup) -> list[asyncio.Transport]:
    lines = [line for (_, group), line in network._conns.items() if group in groups and line.connected()]
    return [line._writer.transport for line in lines]


async def _end(act: Callable[[], Awaitable[None]]) -> None:
    # aiokafka 0.14: stop() of a consumer raises CancelledError while a broker is unreachable, and leaves connections
    # open; close() does the same after a stop() that was cut short. In a task of its own this ends only the task.
    with anyio.move_on_after(GOODBYE, shield=True):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_tolerating, act)


async def _tolerating(act: Callable[[], Awaitable[None]]) -> None:
    with suppress(SourceUnavailable), translated("kafka"):
        await act()


# The Metadata request of version 12 has the ids of topics; the newest one of aiokafka is version 5. This one is built from
# aiokafka's protocol classes, so it is sent over aiokafka's connections, with their TLS and SASL. Brokers before Kafka 2.8,
# and some that only speak Kafka's protocol, answer with version 5, in which topics have no ids.

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
    """Asks for the cluster's id and for these topics, or for all. The broker does not create missing ones."""

    API_KEY = 3

    def __init__(self, topics: tuple[str, ...] | None) -> None:
        self._topics = topics

    def build(self, struct: type[Any]) -> Any:
        """The request in the newest version that both sides know."""
        if struct is MetadataRequest_v5:
            return struct(None if self._topics is None else list(self._topics), False)
        tags: dict[int, bytes] = {}
        named = None if self._topics is None else [(NO_ID, name, tags) for name in self._topics]
        return struct(named, False, False, tags)
