"""A connector without offsets and without a history, as an exclusive queue on an exchange is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from sse_gateway.connector import Connector, Message
from sse_gateway.testing import MemoryConfig, MemoryConnector, MemoryUpstream


class ExchangeConnector(Connector[MemoryConfig]):
    """Reads a `MemoryUpstream` from its end, whenever it connects: what came before is lost."""

    Config = MemoryConfig
    lossy = True

    def __init__(self, upstream: MemoryUpstream) -> None:
        super().__init__(MemoryConfig(), name="orders")
        self.upstream = upstream

    async def __aenter__(self) -> Self:
        # a queue of another name for each attempt, as the real one has
        self._queue = MemoryConnector(self.config, name=f"queue-{self.upstream.attempts}", upstream=self.upstream)
        await self._queue.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._queue.__aexit__(kind, error, traceback)

    async def receive(self) -> Sequence[Message]:
        return [replace(message, offset=None, partition="") for message in await self._queue.receive()]

    async def ack(self, message: Message) -> None:
        await self._queue.ack(message)

    async def check(self) -> None:
        await self._queue.check()
