"""What the three modes have in common: one connection, one queue that is consumed, and messages that are published. The
modes "exchange" and "queue" differ little from it and follow below."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Self
from uuid import uuid4

import anyio
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractQueue
from aiormq.exceptions import ChannelNotFoundEntity
from pamqp.common import FieldTable

from sse_gateway.connector import Connector, Message, SourceUnavailable

from .amqp import check_alarm, connected, translated
from .config import RabbitMQConfig
from .consumer import Consumer
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

    async def __aexit__(self, *exception: object) -> None:
        self._publisher = None
        await self._stack.aclose()

    @abstractmethod
    async def _consume(self, connection: AbstractConnection) -> Consumer:
        """Begin to consume. The caller translates what aio-pika raises."""

    @property
    def consumer(self) -> Consumer:
        """The consumer of the current connection. Raises SourceUnavailable outside the context."""
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
        with translated(f"{self.config.target} can't be read"):
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
        # for a request outside the context
        with translated(f"cannot read {self.config.target}"), anyio.fail_after(self.config.connect_timeout):
            async with connected(self.config, name=self._title("asks")) as connection:
                yield connection

    def _title(self, does: str) -> str:
        return f"sse-gateway {self.name} {does}"


class _Publisher:
    """Has a connection of its own, opened by the first message. During an alarm the broker reads nothing from a connection
    that publishes, so acknowledgements over the same connection would stop too."""

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
            raise SourceUnavailable("cannot publish: the key of the message is longer than 255 bytes")
        try:
            with translated("cannot publish"), anyio.fail_after(self._config.publish_timeout):
                channel = await self._open()
                await self._check_alarm()
                properties = properties_of(message)
                await (await channel.get_underlay_channel()).basic_publish(
                    message.body, exchange=exchange, routing_key=routing_key, properties=properties, mandatory=True
                )
        except SourceUnavailable:
            await self._check_alarm()  # an alarm may be the reason, and is then the better text
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


class ExchangeConnector(ModeConnector):
    """Mode "exchange": each replica has a queue of its own and gets everything while it is connected.

    The queue is exclusive, so the broker deletes it with the connection. It has a new name each time: the broker may keep a
    dead connection and its queue until a heartbeat is missed (measured with one name: 14 s and 70 messages lost; with a
    new one: 0.5 s and 2).
    """

    lossy = True
    _queue: AbstractQueue

    async def _consume(self, connection: AbstractConnection) -> Consumer:
        consumer = await Consumer.open(connection, prefetch=self.config.prefetch)
        self._queue = await consumer.channel.declare_queue(
            f"sse-gateway.{self.name}.{uuid4().hex}",
            exclusive=True,
            auto_delete=True,
            arguments=dict(self.config.queue_arguments),
        )
        for binding in self.config.exchanges:
            if declare := binding.declare:  # otherwise the exchange must exist, or binding to it fails
                await consumer.channel.declare_exchange(
                    binding.exchange,
                    declare.type or "topic",
                    durable=declare.durable,
                    auto_delete=declare.auto_delete,
                    arguments=dict(declare.arguments),
                )
        await self._bind()
        await consumer.consume(self._queue.name)
        return consumer

    async def _bind(self) -> None:
        for binding in self.config.exchanges:
            match: FieldTable | None = {"x-match": binding.match, **binding.headers} if binding.headers else None
            for key in binding.routing_keys:
                await self._queue.bind(binding.exchange, key, arguments=match)

    async def _ask(self) -> None:
        # Nobody is told when an exchange is deleted with its bindings. This finds it missing, or binds to a recreated one.
        await self._bind()

    async def reject(self, message: Message) -> None:
        """Dead-letter `message` where `queue_arguments` or a policy says where to."""
        self.consumer.reject(message)


class QueueConnector(ModeConnector):
    """Mode "queue": an existing queue, which only one replica may read. The broker delivers what was not acknowledged again.

    `lossy` is true after an entry that found the queue recreated: the messages of the old one are lost.
    """

    _missing = False

    async def _consume(self, connection: AbstractConnection) -> Consumer:
        queue = self.config.queue or ""
        deleted = self._consumer is not None and self._consumer.cancelled
        consumer = await Consumer.open(connection, prefetch=self.config.prefetch)
        try:
            await consumer.ensure_queue(queue, self.config.declare)
        except ChannelNotFoundEntity:
            self._missing = True
            raise
        await consumer.consume(queue)
        self.lossy, self._missing = deleted or self._missing, False
        return consumer

    async def receive(self) -> Sequence[Message]:
        taken = await super().receive()
        if self.consumer.inbox.lost is not None and not self.consumer.cancelled:
            # These can't be acknowledged any more. The broker delivers them again over the next connection.
            return []
        return taken

    async def reject(self, message: Message) -> None:
        """Dead-letter `message` where the queue's arguments or a policy say where to."""
        self.consumer.reject(message)
