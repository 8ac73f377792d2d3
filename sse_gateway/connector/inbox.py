"""What a library that calls back has delivered, as the batches that `receive` returns."""

from __future__ import annotations

from typing import Generic, TypeVar

import anyio

from ..errors import SourceUnavailable

ItemT = TypeVar("ItemT")


class Inbox(Generic[ItemT]):
    """Holds what has arrived over one connection, in order, until it is taken, and the reason why the line was lost.

    `put` and `lose` are called by the library's callbacks and never wait; `arrival` is awaited by one task, the one that
    receives. What arrived before the line was lost is given out before the loss is told. The inbox has no bound: let the
    library's prefetch or window be one.
    """

    def __init__(self) -> None:
        self.lost: str | None = None
        """Why the line is lost; None while it is not."""
        self._items: list[ItemT] = []
        self._arrived = anyio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: ItemT) -> None:
        """`item` has arrived."""
        self._items.append(item)
        self._arrived.set()

    def lose(self, reason: str) -> None:
        """The line is lost. Of several reasons the first one stands: the others follow from it."""
        self.lost = self.lost or reason
        self._arrived.set()

    async def arrival(self) -> None:
        """Wait until there is something to take. Being cancelled loses nothing.

        Raises:
            SourceUnavailable: the line is lost and everything is taken.
        """
        while not self._items:
            if self.lost is not None:
                raise SourceUnavailable(self.lost)
            self._arrived = anyio.Event()
            await self._arrived.wait()

    def take(self, most: int | None = None) -> list[ItemT]:
        """What has arrived, in order, `most` items at most; none if nothing has."""
        taken = self._items[:most]
        del self._items[:most]
        return taken
