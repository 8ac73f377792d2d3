"""Traffic that does not stop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError


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
