"""The core as it was before."""

from __future__ import annotations

from .cursor import UNREADABLE, Cursor
from .event import Event, Vector
from .hub import Hub, HubStatistics, LogStatistics
from .log import Bounds, Log
from .notice import Gap, Notice, Reset
from .subscriber import Mark, Subscriber, Subscription
from .view import View

__all__ = [
    "UNREADABLE",
    "Bounds",
    "Cursor",
    "Event",
    "Gap",
    "Hub",
    "HubStatistics",
    "Log",
    "LogStatistics",
    "Mark",
    "Notice",
    "Reset",
    "Subscriber",
    "Subscription",
    "Vector",
    "View",
]
