"""What the three modes have in common: one connection, one queue that is consumed, and messages that are published."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Self

import anyio
from aio_pika.abc import AbstractChannel, AbstractConnection

from sse_gateway.connector import Connector, Message, SourceUnavailable

from .amqp import check_alarm, connected
from .config import RabbitMQConfig
from .consumer import Consumer
from .errors import translated
from .message import is_short, properties_of


class ModeConnector(Connector[RabbitMQConfig]):
    """Reads in one of the modes."""

    Config = RabbitMQConfig

    def __init__(self, config: RabbitMQConfig, *, name: str) -> None:
        super().__init__(config, name=name)
        self._consumer: Consumer | None = None
        self._publisher: _Publisher | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            publisher = _Publisher(self.config, name=self._title("publishes"))
            stack.push_async_callback(publisher.close)
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

    @abstractmethod
    async def _consume(self, connection: AbstractConnection) -> Consumer:
        """Begin to consume. What aio-pika raises is translated by the caller."""

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
        if self.consumer.inbox.lost is not None:
            raise SourceUnavailable(self.consumer.inbox.lost)
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


class _Publisher:
    """Has a connection of its own, opened by the first message: during an alarm the broker reads nothing more from one
    that publishes, so acknowledgements on it would stand still too."""

    def __init__(self, config: RabbitMQConfig, *, name: str) -> None:
        self._config = config
        self._name = name
        self._opening = anyio.Lock()
        self._stack = AsyncExitStack()
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None

    async def close(self) -> None:
        await self._stack.aclose()

    async def publish(self, message: Message) -> None:
        exchange, queue = self._config.publishes_to
        routing_key = message.key if queue is None else queue
        if not is_short(routing_key):
            raise SourceUnavailable(
                "cannot publish: a routing key has at most 255 bytes, and the message's key has more"
            )
        try:
            with translated("cannot publish"), anyio.fail_after(self._config.publish_timeout):
                channel = await self._open()
                await self._check_alarm()
                underlay = await channel.get_underlay_channel()
                await underlay.basic_publish(
                    message.body,
                    exchange=exchange,
                    routing_key=routing_key,
                    properties=properties_of(message),
                    mandatory=True,
                )
        except SourceUnavailable:
            await self._check_alarm()  # it may be why
            raise

    async def _open(self) -> AbstractChannel:
        async with self._opening:
            if self._channel is None or self._channel.is_closed:
                await self._stack.aclose()
                async with AsyncExitStack() as stack:
                    self._connection = await stack.enter_async_context(connected(self._config, name=self._name))
                    self._channel = await self._connection.channel(on_return_raises=True)
                    self._stack = stack.pop_all()
            return self._channel

    async def _check_alarm(self) -> None:
        if self._connection is not None:
            await check_alarm(self._connection)
