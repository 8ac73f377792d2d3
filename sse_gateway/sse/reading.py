"""The content of one response: read in the request's task, and closed there, once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import nullcontext
from typing import TYPE_CHECKING

import anyio

from .body import Body
from .content import close
from .expiry import Expiry
from .push import PushConnection

if TYPE_CHECKING:
    from .response import EventSourceResponse

__all__ = ["Reading"]

logger = logging.getLogger(__name__)


class Reading:
    """Reads until the content ends, or the connection has a reason to end."""

    __slots__ = ("_content", "_empty", "_iterator", "_response", "expiry")

    def __init__(self, response: EventSourceResponse) -> None:
        self.expiry = Expiry()
        self._response = response
        self._empty = not response.active  # a response serves once
        self._content = response.body_iterator
        self._iterator: object = self._content

    def run(self, body: Body, push: PushConnection | None) -> Awaitable[None]:
        """Send all that it gives. Raises what it raises, and what can't be encoded or sent."""
        if self._empty:
            return asyncio.sleep(0)
        if push is not None and self._response.feed is not None:
            return self._response.feed(push)
        self._iterator = iterator = aiter(self._content)
        return body.write_all(iterator, self._response.sep)

    def hurry(self) -> None:
        """From now on it has `cleanup_timeout` left."""
        self.expiry.start(self._response.cleanup_timeout)

    async def close(self, *, cancelled: bool, shield: bool) -> None:
        """Close what was read. `cancelled`: the stream was ended before it. `shield`: from cancellations by others. That is
        not for content that was suspended by us: it may have opened cancel scopes, which can't be left inside a new one."""
        self.hurry()
        try:
            with anyio.CancelScope(shield=True) if shield else nullcontext():
                await close(self._iterator, self._content, cancelled=cancelled)
        except asyncio.CancelledError:
            if not self.expiry.expired:
                raise
        except Exception:
            logger.exception("Error closing body iterator")
        finally:
            self.expiry.stop()
        if self.expiry.expired:
            logger.warning("Body iterator cleanup cancelled after %s seconds", self._response.cleanup_timeout)
