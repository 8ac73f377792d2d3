"""A bound on cleanup that has been told to stop, and may wait while it does."""

from __future__ import annotations

import asyncio

__all__ = ["Expiry"]

_AGAIN = 0.05
"""Seconds until a task that goes on is cancelled once more: each of its `finally` clauses may wait for something."""


class Expiry:
    """Cancels a task when its time is up, and again as long as it goes on. Made by that task."""

    __slots__ = ("_cancels", "_task", "_timer", "expired")

    def __init__(self) -> None:
        self.expired = False
        self._cancels = 0
        self._task = asyncio.current_task()
        self._timer: asyncio.TimerHandle | None = None

    def start(self, timeout: float | None) -> None:
        """The time is up in `timeout` seconds from the first call on; None: never."""
        if timeout is not None and self._timer is None and not self.expired:
            self._timer = asyncio.get_running_loop().call_later(timeout, self._expire)

    def stop(self) -> None:
        """The task has come to its end."""
        self.forgive()
        if self._timer is not None:
            self._timer.cancel()

    def forgive(self) -> None:
        """Take back the cancellations that were requested here, so that those of others can be told from them."""
        while self._cancels and self._task is not None:
            self._cancels -= 1
            self._task.uncancel()

    def _expire(self) -> None:
        self.expired = True
        if self._task is not None and self._task.cancel():
            self._cancels += 1
            self._timer = asyncio.get_running_loop().call_later(_AGAIN, self._expire)
