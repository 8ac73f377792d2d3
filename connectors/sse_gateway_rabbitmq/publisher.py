"""Messages out: confirmed, and refused when no queue takes them."""

from __future__ import annotations

from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import anyio
from aio_pika.abc import AbstractChannel, AbstractConnection

from sse_gateway.connector import Message, SourceUnavailable

from .config import RabbitMQConfig
from .connection import connected
from .errors import translated
from .message import is_short, properties_of

__all__ = ["Publisher"]


class Publisher:
    """Has a connection of its own, opened by the first message: during an alarm the broker reads nothing more from one
    that publishes, so acknowledgements on it would stand still too."""

    def __init__(self, config: RabbitMQConfig, *, name: str) -> None:
        self._config = config
        self._name = name
        self._opening = anyio.Lock()
        self._stack = AsyncExitStack()
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def publish(self, message: Message) -> None:
        """Hand over `message` and wait until the broker has it. Raises SourceUnavailable."""
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
        transport = self._connection.transport if self._connection is not None else None
        if transport is None:
            return
        with anyio.move_on_after(0) as scope:
            await transport.ready()  # waits while the broker says "blocked"
        if scope.cancelled_caught:
            raise SourceUnavailable(
                "the broker takes no messages now: it has raised an alarm, its memory or disk is full"
            )
