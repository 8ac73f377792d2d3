"""Content of streams that tells what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anyio


class Notes:
    """A generator that notes what it sees."""

    def __init__(self, *items: Any) -> None:
        self.items = items
        self.seen: list[str] = []
        self.waiting = asyncio.Event()

    async def generate(self) -> AsyncIterator[Any]:
        try:
            for item in self.items:
                yield item
            self.waiting.set()
            await anyio.sleep_forever()
        except asyncio.CancelledError:
            self.seen.append("cancelled")
            await asyncio.sleep(0)
            self.seen.append("waited")
            raise
        finally:
            self.seen.append("finally")


class Closing:
    """An iterator whose closing is counted, and fails if it is told to."""

    def __init__(self, *items: Any, fails: Exception | None = None) -> None:
        self.items = iter(items)
        self.closed = 0
        self.fails = fails
        self.waiting = asyncio.Event()

    def __aiter__(self) -> Closing:
        return self

    async def __anext__(self) -> Any:
        for item in self.items:
            return item
        self.waiting.set()
        await anyio.sleep_forever()

    async def aclose(self) -> None:
        self.closed += 1
        await asyncio.sleep(0)
        if self.fails is not None:
            raise self.fails
