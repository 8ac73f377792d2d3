"""Mode "queue": a queue that others made and fill, for the only replica there is."""

from __future__ import annotations

from collections.abc import Sequence

from aio_pika.abc import AbstractConnection
from aiormq.exceptions import ChannelNotFoundEntity

from sse_gateway.connector import Message

from .connector import ModeConnector
from .consumer import Consumer


class QueueConnector(ModeConnector):
    """Acknowledged messages are gone from the queue, the others come again. `lossy` is true of an entry that found the
    queue made anew: what stood in the old one went with it."""

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
            # They can't be acknowledged any more and come again with the next connection.
            return []
        return taken

    async def reject(self, message: Message) -> None:
        """Dead-letter `message` where the queue's arguments or a policy say where to."""
        self.consumer.reject(message)
