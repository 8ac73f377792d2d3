"""Records of Kafka and messages of the gateway, in both directions."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import anyio
from aiokafka import AIOKafkaProducer

from sse_gateway.connector import Message, SourceUnavailable

from .client import first_broker, running, translated
from .config import KafkaConfig

# Kafka has no field for a producer's own id. The connector writes it into this header, and reads it from there.
ID_HEADER = "message-id"


def read(record: Any, partition: str, receipt: int) -> Message:
    """In keys and header values, bytes that are not UTF-8 become replacement characters. A record with a key and without
    a value is a tombstone: the key was deleted. Of headers with the same name the last one counts, as in Kafka's own
    clients."""
    headers = {name.lower(): _text(value) for name, value in record.headers or ()}
    return Message(
        body=record.value or b"",
        key=_text(record.key),
        headers=headers,
        partition=partition,
        offset=record.offset,
        id=headers.get(ID_HEADER) or None,
        timestamp=record.timestamp / 1000 if record.timestamp and record.timestamp > 0 else None,
        deleted=record.value is None and record.key is not None,
        receipt=receipt,
    )


def _text(raw: bytes | None) -> str:
    return raw.decode(errors="replace") if raw else ""


class Publisher:
    """A producer that is started by the first message, so a source that only reads has none."""

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config
        self._producer: AIOKafkaProducer | None = None
        self._starting = anyio.Lock()
        self._stack = AsyncExitStack()

    async def send(self, message: Message) -> None:
        """Write one message, and wait until all in-sync replicas have it. Its key chooses the partition.

        Raises:
            SourceUnavailable: they did not confirm it within `timeout`; it may have been written nevertheless.
        """
        if len(self._config.topics) != 1:
            raise SourceUnavailable("a source can be published to only if `topics` has one topic")
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
        self._producer = None
        await self._stack.aclose()

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                async with first_broker(self._config) as (_, options):
                    producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **options)
                await self._stack.enter_async_context(running(producer, within=self._config.timeout))
                self._producer = producer
        return self._producer
