"""Records of Kafka and messages of the gateway, in both directions."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import Any

import anyio
from aiokafka import AIOKafkaProducer

from sse_gateway.connector import Message, SourceUnavailable

from .client import close, first_broker, start
from .config import KafkaConfig
from .errors import translated

# Kafka has no place for a producer's own id; what we publish carries it in this header, and so may anybody.
ID_HEADER = "message-id"


def read(record: Any, partition: str, receipt: int) -> Message:
    """Keys and header values that are not UTF-8 come with replacement characters. A record with a key and without a
    value is a tombstone: the key was deleted. Of headers with the same name the last one counts, as in Kafka's own
    clients."""
    headers = _headers(record.headers) if record.headers else {}
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


def _headers(pairs: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    return {name.lower(): _text(value) for name, value in pairs}


def _text(raw: bytes | None) -> str:
    return raw.decode(errors="replace") if raw else ""


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
