"""Numbered messages at a steady rate, whatever happens to the broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
import anyio
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

__all__ = ["Traffic"]

_PAUSE = 0.005


class Traffic:
    """Publishes to one exchange with one key; what the broker confirmed is in `confirmed`, in order.

    A message that was not confirmed may have come through all the same, so it is never sent again: its number is spent.
    """

    def __init__(self, url: str, *, exchange: str = "", key: str, mandatory: bool = True) -> None:
        self._url = url
        self._exchange = exchange
        self._key = key
        self._mandatory = mandatory
        self._number = 0
        self._ending = False
        self._ended = anyio.Event()
        self.confirmed: list[bytes] = []

    @asynccontextmanager
    async def flow(self) -> AsyncIterator[Traffic]:
        """Publish until the block is left."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._run)
            yield self
            await self.stop()

    async def stop(self) -> None:
        """Publish no more; what is under way is confirmed or given up."""
        self._ending = True
        await self._ended.wait()

    async def more(self, count: int) -> None:
        """Wait until `count` more messages were confirmed."""
        wanted = len(self.confirmed) + count
        with anyio.fail_after(60):
            while len(self.confirmed) < wanted:
                await anyio.sleep(0.01)

    async def _run(self) -> None:
        while not self._ending:
            try:
                async with self._channel() as channel:
                    await self._publish(channel)
            except CONNECTION_EXCEPTIONS:
                await anyio.sleep(0.1)
            except asyncio.CancelledError:  # the library cancels who waits on a line that dies
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
        self._ended.set()

    @asynccontextmanager
    async def _channel(self) -> AsyncIterator[AbstractChannel]:
        # Each step within a bound: while a broker starts, the library may wait for an answer that never comes.
        connection = None
        try:
            with anyio.fail_after(5):
                connection = await aio_pika.connect(self._url, heartbeat=2)
                channel = await connection.channel(on_return_raises=True)
            yield channel
        finally:
            if connection is not None:
                with anyio.move_on_after(3, shield=True):
                    await connection.close()

    async def _publish(self, channel: AbstractChannel) -> None:
        target = (
            await channel.get_exchange(self._exchange, ensure=False) if self._exchange else channel.default_exchange
        )
        while not self._ending:
            body = b"%d" % self._number
            self._number += 1
            await target.publish(
                aio_pika.Message(body, delivery_mode=2), self._key, mandatory=self._mandatory, timeout=5
            )
            self.confirmed.append(body)
            await anyio.sleep(_PAUSE)
