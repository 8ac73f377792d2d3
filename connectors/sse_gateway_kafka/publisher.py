"""Writing to the source's topic: for other sources' messages that every replica is to read."""

from __future__ import annotations

from contextlib import AsyncExitStack

import anyio
from aiokafka import AIOKafkaProducer

from sse_gateway.connector import Message
from sse_gateway.errors import SourceUnavailable

from .client import close, first_broker, start
from .config import KafkaConfig
from .errors import translated
from .record import ID_HEADER

__all__ = ["Publisher"]


class Publisher:
    """A producer that is started by the first message: a source that nobody publishes to has none."""

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config
        self._producer: AIOKafkaProducer | None = None
        self._starting = anyio.Lock()

    async def send(self, message: Message) -> None:
        """Write one message, and wait until all replicas in sync have it. Its key chooses the partition.

        Raises:
            SourceUnavailable: they did not say so within `timeout`; the message may be there all the same.
        """
        if len(self._config.topics) != 1:
            raise SourceUnavailable("to publish to, a source needs `topics` with one topic")
        value = None if message.deleted else message.body
        headers = [(name, text.encode()) for name, text in message.headers.items()]
        if message.id is not None and ID_HEADER not in message.headers:
            headers.append((ID_HEADER, message.id.encode()))
        producer = await self._started()
        with translated(self._config.topics[0]), anyio.fail_after(self._config.timeout):
            await producer.send_and_wait(
                self._config.topics[0],
                value,
                key=message.key.encode() or None,
                headers=headers,
                timestamp_ms=None if message.timestamp is None else int(message.timestamp * 1000),
            )

    async def close(self) -> None:
        """End the producer, if there is one."""
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await close(producer)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                async with first_broker(self._config) as broker:
                    producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **broker.options)
                async with AsyncExitStack() as stack:
                    stack.push_async_callback(close, producer)
                    await start(producer, within=self._config.timeout)
                    stack.pop_all()
                self._producer = producer
        return self._producer
