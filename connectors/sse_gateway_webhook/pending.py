"""The budget for what was received but is not yet in the log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .refusal import busy

__all__ = ["OVERHEAD", "Charge", "Pending"]

OVERHEAD = 512
"""Bytes that a message takes beside its body (measured: 270 on CPython 3.11, with an id of 40 characters; twice)."""


class Pending:
    """How many bodies, and how many of their bytes, are being read or wait to be appended. Both have a bound, so
    neither many slow uploads nor a stalled log can fill the memory."""

    def __init__(self, *, max_bodies: int, max_bytes: int) -> None:
        self.bodies = 0
        self.bytes = 0
        self._max_bodies = max_bodies
        self._max_bytes = max_bytes

    @contextmanager
    def admit(self) -> Iterator[Charge]:
        """One body more, for as long as the context lasts; what was charged to it is released at its end.

        Raises:
            Refusal: there are as many as may be.
        """
        if self.bodies >= self._max_bodies:
            raise busy("pending_bodies", "too many bodies wait to be appended; try again later")
        charge = Charge(self)
        self.bodies += 1
        try:
            yield charge
        finally:
            self.bodies -= 1
            self.bytes -= charge.bytes

    def fits(self, size: int) -> bool:
        """Is there room for `size` bytes more?"""
        return self.bytes + size <= self._max_bytes


class Charge:
    """The bytes that one body takes of the budget."""

    def __init__(self, pending: Pending) -> None:
        self.bytes = 0
        self._pending = pending

    def require(self, size: int) -> None:
        """Find room for `size` bytes more without taking it.

        Raises:
            Refusal: there is none.
        """
        if not self._pending.fits(size):
            raise busy("pending_bytes", "too many bytes wait to be appended; try again later")

    def grow(self, size: int) -> None:
        """Take `size` bytes more.

        Raises:
            Refusal: there is no room for them.
        """
        self.require(size)
        self.bytes += size
        self._pending.bytes += size
