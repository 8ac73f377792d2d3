"""The pure core: logs, channels, cursors. It does no I/O, never waits, and is told the time."""

from __future__ import annotations

from .event import Entry, Event, Position
from .hub import Hub
from .ids import UNREADABLE, Cursor, Place
from .log import Bounds, Log
from .loss import Gap, Notice, Reset
from .reader import Reader, Subscription

__all__ = [
    "UNREADABLE",
    "Bounds",
    "Cursor",
    "Entry",
    "Event",
    "Gap",
    "Hub",
    "Log",
    "Notice",
    "Place",
    "Position",
    "Reader",
    "Reset",
    "Subscription",
]
