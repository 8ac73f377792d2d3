"""Traffic that does not stop, and what the tests read of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from sse_gateway.connector import Connector, Message, SourceUnavailable

__all__ = ["lost", "read", "traffic"]


@asynccontextmanager
async def traffic(bootstrap: str, topic: str, *, pause: float = 0.005) -> AsyncIterator[None]:
    """One record after the other, numbered, for as long as the block lasts; what the broker refuses is not sent
    again."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, request_timeout_ms=2000, metadata_max_age_ms=500)
    await producer.start()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_send, producer, topic, pause)
            yield
            tasks.cancel_scope.cancel()
    finally:
        with anyio.move_on_after(5, shield=True):
            await producer.stop()


async def _send(producer: AIOKafkaProducer, topic: str, pause: float) -> None:
    number = 0
    while True:
        number += 1
        try:
            await producer.send(topic, b"%d" % number)
        except KafkaError:
            pass
        await anyio.sleep(pause)


async def read(connector: Connector[Any], count: int) -> list[Message]:
    """So many messages at least, each batch acknowledged."""
    received: list[Message] = []
    with anyio.fail_after(30):
        while len(received) < count:
            batch = await connector.receive()
            received += batch
            if batch:
                await connector.ack(batch[-1])
    return received


async def lost(connector: Connector[Any], received: list[Message]) -> str:
    """Read until the line is lost, into `received`; returns the reason."""
    with anyio.fail_after(30):
        while True:
            try:
                received += await connector.receive()
            except SourceUnavailable as reason:
                return str(reason)
