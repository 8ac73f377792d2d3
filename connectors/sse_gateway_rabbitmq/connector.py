"""What the three modes have in common: one connection, one queue that is consumed, and messages that are published."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, ClassVar, Self, cast

import anyio
from aio_pika.abc import AbstractConnection

from sse_gateway.connector import Connector, Message, SourceUnavailable

from .config import RabbitMQConfig
from .connection import connected
from .consumer import Consumer
from .errors import translated
from .publisher import Publisher

__all__ = ["RabbitMQConnector"]


class RabbitMQConnector(Connector[RabbitMQConfig]):
    """Reads an exchange, a stream or a queue: making one makes the class of the mode that is configured.

    A class for each, because the modes differ in what they can do: only a stream can be read again.
    """

    Config = RabbitMQConfig
    _modes: ClassVar[dict[str, type[RabbitMQConnector]]] = {}

    def __init_subclass__(cls, *, mode: str, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        RabbitMQConnector._modes[mode] = cls

    def __new__(cls, config: RabbitMQConfig, **arguments: Any) -> Self:
        return cast("Self", super().__new__(cls._modes[config.mode]))

    def __init__(self, config: RabbitMQConfig, *, name: str) -> None:
        super().__init__(config, name=name)
        self._consumer: Consumer | None = None
        self._publisher: Publisher | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            publisher = await stack.enter_async_context(Publisher(self.config, name=self._title("publishes")))
            with translated(f"cannot read {self.config.target}"), anyio.fail_after(self.config.connect_timeout):
                connection = await stack.enter_async_context(connected(self.config, name=self._title("reads")))
                self._consumer = await self._consume(connection)
            self._publisher, self._stack = publisher, stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._publisher = None
        await self._stack.aclose()

    async def _consume(self, connection: AbstractConnection) -> Consumer:
        """Begin to consume. What aio-pika raises is translated by the caller."""
        raise NotImplementedError("each mode does it in its own way")

    @property
    def consumer(self) -> Consumer:
        """Of the connection that there is. Raises SourceUnavailable outside of the context."""
        if self._consumer is None:
            raise SourceUnavailable("not connected")
        return self._consumer

    async def receive(self) -> Sequence[Message]:
        await self.consumer.arrival()
        return self.consumer.take()

    async def ack(self, message: Message) -> None:
        await self.consumer.settle(message)

    async def check(self) -> None:
        if self.consumer.lost is not None:
            raise SourceUnavailable(self.consumer.lost)
        with translated(f"{self.config.target} is not well"):
            await self._ask()

    async def _ask(self) -> None:
        await self.consumer.ask()

    async def publish(self, message: Message) -> None:
        """Returns when the broker has confirmed `message`: at least one queue has it, on disk if the queue is durable."""
        if self._publisher is None:
            raise SourceUnavailable("not connected")
        await self._publisher.publish(message)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AbstractConnection]:
        # for a question outside of the context
        with translated(f"cannot read {self.config.target}"), anyio.fail_after(self.config.connect_timeout):
            async with connected(self.config, name=self._title("asks")) as connection:
                yield connection

    def _title(self, does: str) -> str:
        return f"sse-gateway {self.name} {does}"
