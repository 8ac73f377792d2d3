"""What was put into wire form lately, so that it need not be done again for the next reader."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Cache"]

KeyT = TypeVar("KeyT", bound=Hashable)


class Cache(Generic[KeyT]):
    """Two generations, each of at most `entries` and `size` bytes (and one entry more): the older one is dropped as a
    whole when the younger one is full."""

    __slots__ = ("_bytes", "_entries", "_old", "_size", "_young")

    def __init__(self, *, entries: int, size: int) -> None:
        self._entries = entries
        self._size = size
        self._young: dict[KeyT, bytes] = {}
        self._old: dict[KeyT, bytes] = {}
        self._bytes = 0

    def get(self, key: KeyT) -> bytes | None:
        """What was put there; None if it was not, or is forgotten."""
        return self._young.get(key) or self._old.get(key)

    def put(self, key: KeyT, data: bytes) -> None:
        """Keep `data` for a while."""
        if len(self._young) >= self._entries or self._bytes >= self._size:
            self._old, self._young, self._bytes = self._young, {}, 0
        self._young[key] = data
        self._bytes += len(data)
