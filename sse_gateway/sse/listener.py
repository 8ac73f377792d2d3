"""The request's side of a response: its first message, and the disconnect."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["Listener", "Message", "Receive"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

_DISCONNECTS = frozenset({"http.disconnect", "websocket.disconnect"})
_PATIENCE = 0.05
"""Seconds to wait for the request itself before the content is read. If the content asks whether the client is there while
that is still on its way, granian tells a false disconnect; but where somebody has read the request, it never comes."""


class Listener:
    """The only reader of `receive`, as far as this side decides it."""

    __slots__ = ("_first", "_receive", "_waiting", "disconnect")

    def __init__(self, receive: Receive) -> None:
        self.disconnect: Message | None = None
        """The message that told that the client has gone."""
        self._receive = receive
        self._first = False
        self._waiting: asyncio.Future[None] | None = None

    async def run(self, gone: Callable[[], None]) -> None:
        """Wait for the disconnect, and call `gone`."""
        message = await self._receive()
        self._first = True
        _release(self._waiting)
        while message["type"] not in _DISCONNECTS:
            await asyncio.sleep(0)  # a `receive` need not wait for anything
            message = await self._receive()
        self.disconnect = message
        gone()

    async def first(self) -> None:
        """Wait for the request itself, but not long."""
        if not self._first:
            loop = asyncio.get_running_loop()
            self._waiting = loop.create_future()
            timer = loop.call_later(_PATIENCE, _release, self._waiting)
            await self._waiting
            self._waiting = None
            timer.cancel()


def _release(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
