"""aiokafka's clients: what they are made with, how they are started, and how they are ended for good."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import ConnectionGroup
from aiokafka.conn import create_conn

from sse_gateway.errors import SourceUnavailable

from .config import KafkaConfig
from .errors import translated
from .security import security_options

__all__ = ["GOODBYE", "Broker", "close", "cut", "first_broker", "start"]

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


def cut(consumer: AIOKafkaConsumer, group: ConnectionGroup) -> None:
    """Abort the connections of one kind: what waits for an answer there waits no more."""
    for transport in _transports(consumer._client, group):
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
