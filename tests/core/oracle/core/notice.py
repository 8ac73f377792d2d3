"""What a subscriber is told when it can't have everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Gap", "Notice", "Reset"]


@dataclass(frozen=True, slots=True)
class Gap:
    """Events of a channel that this subscriber will never get."""

    channel: str
    source: str
    reason: str
    """evicted, expired: the log had no more room for them, or they were too old. Anything else: the source's word."""
    certain: bool
    """False where nobody knows if there were any."""
    start: Mapping[str, int]
    """By partition, the first offset that may be missing."""
    end: Mapping[str, int]
    """By partition, the next offset after what is missing."""


@dataclass(frozen=True, slots=True)
class Reset:
    """A source whose part of an id can't be honoured: it goes on from now."""

    source: str
    reason: str
    """unknown, epoch, malformed, ahead."""


Notice = Gap | Reset
