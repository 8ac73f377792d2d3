"""The errors of this core."""

from __future__ import annotations

from collections.abc import Sequence

from .notice import Notice

__all__ = ["Lagged", "MalformedCursor"]


class MalformedCursor(Exception):
    """An incoming event id is too long, of another version, or outside the grammar of `cursor`."""


class Lagged(Exception):
    """The log has given up events that a subscriber had not read, or its source has: `notices` says what, in order."""

    def __init__(self, notices: Sequence[Notice]) -> None:
        super().__init__(", ".join(str(notice) for notice in notices))
        self.notices = tuple(notices)
