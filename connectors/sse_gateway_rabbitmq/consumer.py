"""One queue that is consumed on a channel of its own: what has arrived, and why the line was lost."""

from __future__ import annotations

import aiormq.abc
from aio_pika.abc import AbstractChannel, AbstractConnection
from pamqp.commands import Basic
from pamqp.common import FieldTable

from sse_gateway.connector import Inbox, Message, SourceUnavailable

from .amqp import translated
from .config import DeclareConfig
from .message import read

_TURN = 256
"""Messages that are read in one turn of the loop: as many as the gateway publishes in one turn."""


class Consumer:
    """Uses aiormq's channel, which aio-pika's is built on: it tells when the broker cancels a consumer, and creates no object
    of 28 attributes for each message (measured: 65 µs instead of 140 µs a message)."""

    def __init__(self, channel: AbstractChannel, underlay: aiormq.abc.AbstractChannel, *, prefetch: int) -> None:
        self.channel = channel
        self.inbox = Inbox[aiormq.abc.DeliveredMessage]()
        """What the broker has sent and is not yet in `messages`. `prefetch` is its bound."""
        self.messages: list[Message] = []
        """What `take` returns next."""
        self.cancelled = False
        """The broker cancelled the consumer: the queue was deleted, or its node is down."""
        self._underlay = underlay
        self._prefetch = prefetch
        self._settled = 0  # the highest delivery tag that is settled, and all below it
        self._rejected: set[int] = set()

    @classmethod
    async def open(cls, connection: AbstractConnection, *, prefetch: int) -> Consumer:
        """Open a channel. Raises what aio-pika raises, as do `ensure_queue`, `consume` and `ask`."""
        channel = await connection.channel(publisher_confirms=False)
        underlay = await channel.get_underlay_channel()
        consumer = cls(channel, underlay, prefetch=prefetch)
        connection.close_callbacks.add(consumer._on_close)
        channel.close_callbacks.add(consumer._on_close)
        underlay.on_consumer_cancel_callbacks.add(consumer._on_cancel)
        return consumer

    async def ensure_queue(self, name: str, declare: DeclareConfig | None, **fixed: str) -> None:
        """Declare the queue if that is configured, with the `fixed` arguments among its own; otherwise it must exist. The
        broker refuses a declaration that differs from what exists."""
        if declare is None:
            await self.channel.get_queue(name)
            return
        arguments: FieldTable = {**declare.arguments, **fixed}
        durable, auto_delete = declare.durable, declare.auto_delete
        await self.channel.declare_queue(name, durable=durable, auto_delete=auto_delete, arguments=arguments)

    async def consume(self, queue: str, arguments: FieldTable | None = None) -> None:
        """Consume `queue` from now on."""
        await self.ask()
        await self._underlay.basic_consume(queue, self._on_message, arguments=arguments)

    async def ask(self) -> None:
        """Send a request that changes nothing. The answer shows that the line works."""
        await self._underlay.basic_qos(prefetch_count=self._prefetch)

    async def arrival(self) -> None:
        """Wait until there are `messages`. Raises SourceUnavailable when the line is lost and all is taken."""
        while not self.messages:
            await self.inbox.arrival()
            self.messages = [read(delivered) for delivered in self.inbox.take(_TURN)]

    def take(self) -> list[Message]:
        """Some of what has arrived, in order."""
        taken, self.messages = self.messages, []
        return taken

    def reject(self, message: Message) -> None:
        """Reject `message` when it is settled: a queue with a dead letter exchange then dead-letters it."""
        self._rejected.add(message.receipt)

    async def settle(self, message: Message) -> None:
        """Acknowledge `message` and all before it, except the rejected ones. A lost line raises nothing here: `arrival` tells
        it, because there may be messages left to take."""
        if self.inbox.lost is not None:
            return
        try:
            with translated("acknowledging"):
                await self._settle(message.receipt)
        except SourceUnavailable as error:
            self.inbox.lose(str(error))

    async def _settle(self, last: int) -> None:
        for tag in sorted(tag for tag in self._rejected if tag <= last):
            self._rejected.remove(tag)
            await self._acknowledge(tag - 1)
            self._settled = tag
            await self._underlay.basic_reject(tag, requeue=False)
        await self._acknowledge(last)

    async def _acknowledge(self, tag: int) -> None:
        if tag <= self._settled:  # acknowledged twice, the broker would close the channel
            return
        self._settled = tag
        # Returns after the bytes are written, so a close that follows can't overtake them.
        await self._underlay.basic_ack(tag, multiple=True)

    async def _on_message(self, delivered: aiormq.abc.DeliveredMessage) -> None:
        self.inbox.put(delivered)  # a coroutine because the library wants one

    def _on_cancel(self, cancel: Basic.Cancel) -> None:
        self.cancelled = True
        self.inbox.lose("the broker cancelled the consumer: the queue was deleted, or its node is down")

    def _on_close(self, sender: object, error: BaseException | None) -> None:
        self.inbox.lose(translated.explain(error) if error is not None else "the line is closed")
