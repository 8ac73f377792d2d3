"""What the tests do at the broker themselves: with a connection for each act, since tests close all that there are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import aio_pika
import anyio
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import AMQPError

from sse_gateway_rabbitmq import RabbitMQConfig, RabbitMQConnector

_NONE: Mapping[str, Any] = MappingProxyType({})

TRIMMED = {"x-max-length-bytes": 20_000, "x-stream-max-segment-size-bytes": 10_000}
"""Arguments of a stream that keeps some twenty messages of 1 kB."""


def connector(url: str, **options: Any) -> Any:
    """A connector of a source that is called "orders", in the class of its mode."""
    return RabbitMQConnector.build(RabbitMQConfig.model_validate({"url": url, **options}), "orders")


def stream_reader(url: str, stream: str, **options: Any) -> Any:
    """A connector that reads a stream."""
    return connector(url, mode="stream", stream=stream, **options)


def bodies(count: int, prefix: str = "") -> list[bytes]:
    """Different bodies, numbered."""
    return [f"{prefix}{number}".encode() for number in range(count)]


async def until(condition: Callable[[], object]) -> None:
    """Wait for what nothing tells us of, five seconds at most."""
    with anyio.fail_after(30):
        while not condition():
            await anyio.sleep(0.01)


class Upstream:
    """One broker, and the exchanges and queues of one test, which `close` deletes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._exchanges: list[str] = []
        self._queues: list[str] = []

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
        """A channel whose publishes are confirmed, or raise."""
        async with await aio_pika.connect(self.url) as connection, connection.channel(on_return_raises=True) as channel:
            yield channel

    def name(self, kind: str) -> str:
        """A name that no other test has; what is made under it is deleted."""
        name = f"test-{kind}-{uuid4().hex[:12]}"
        (self._exchanges if kind == "exchange" else self._queues).append(name)
        return name

    async def exchange(self, type: str = "topic") -> str:
        name = self.name("exchange")
        async with self.channel() as channel:
            await channel.declare_exchange(name, type, durable=True)
        return name

    async def queue(self, arguments: Mapping[str, Any] = _NONE, *, name: str | None = None) -> str:
        name = name or self.name("queue")
        async with self.channel() as channel:
            await channel.declare_queue(name, durable=True, arguments=dict(arguments))
        return name

    async def stream(self, arguments: Mapping[str, Any] = _NONE, *, name: str | None = None) -> str:
        return await self.queue({"x-queue-type": "stream", **arguments}, name=name or self.name("stream"))

    async def trim(self, stream: str, first: int) -> None:
        """Publish to a stream that is `TRIMMED` until it has dropped what lies below `first`."""
        await self.publish([b"%1000d" % number for number in range(200)], key=stream)
        with anyio.fail_after(30):
            while (await stream_reader(self.url, stream).bounds())[""][0] < first:
                await self.publish([b"more"], key=stream)

    async def delete(self, queue: str) -> None:
        async with self.channel() as channel:
            await channel.queue_delete(queue)

    async def publish(
        self, bodies: Sequence[bytes], *, exchange: str = "", key: str = "", mandatory: bool = True, **properties: Any
    ) -> None:
        """Publish in order, with the time of now; raises where no queue takes a message."""
        properties = {"timestamp": datetime.now(UTC), **properties}
        async with self.channel() as channel:
            for body in bodies:
                message = aio_pika.Message(body, **properties)
                target = await channel.get_exchange(exchange, ensure=False) if exchange else channel.default_exchange
                await target.publish(message, key, mandatory=mandatory)

    async def read(self, queue: str, count: int) -> list[aio_pika.abc.AbstractIncomingMessage]:
        """The next messages of a queue, settled."""
        async with self.channel() as channel, (await channel.get_queue(queue)).iterator() as messages:
            found: list[aio_pika.abc.AbstractIncomingMessage] = []
            async for message in messages:
                await message.ack()
                found.append(message)
                if len(found) == count:
                    break
            return found

    async def close(self) -> None:
        for name in self._queues:
            with suppress(AMQPError):
                await self.delete(name)
        for name in self._exchanges:
            with suppress(AMQPError):
                async with self.channel() as channel:
                    await channel.exchange_delete(name)
