"""Positions in an upstream: where a reader begins, and what a partition is called in an event id."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b

from ..core.ids import base36
from ..errors import InvalidValue
from ..units import parse_duration


def digest36(*parts: str, length: int = 8) -> str:
    """A hash of `parts` as `length` characters of base 36, 8 at most: equal on every replica and in every version. A
    short name of a partition, where its own is too long for an event id, or an `epoch`."""
    number = int.from_bytes(blake2b("\n".join(parts).encode(), digest_size=8).digest())
    return base36(number).rjust(length, "0")[-length:]


def parse_start(value: object, *names: str, offsets: bool = False) -> str | int | datetime | timedelta:
    """Where a reader begins, as people write it: one of the upstream's own `names`, a time with its zone
    (2026-01-31T12:00:00Z), a duration back from now ("10m"), or an offset where the upstream has one history of them.

    Raises:
        InvalidValue: it is none of these; lists them.
    """
    if isinstance(value, str) and value not in names:
        value = _parse(value, offsets=offsets)
    if isinstance(value, datetime) and value.tzinfo is None:
        raise InvalidValue('a time needs its zone, as the "Z" of 2026-01-31T12:00:00Z')
    if isinstance(value, str | datetime | timedelta):
        return value
    if offsets and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    known = ", ".join(f'"{name}"' for name in names) + (", an offset" if offsets else "")
    raise InvalidValue(f'expected {known}, a time with its zone such as 2026-01-31T12:00:00Z, or "10m" back')


def _parse(text: str, *, offsets: bool) -> int | datetime | timedelta | None:
    if offsets and text.isascii() and text.isdecimal():
        return int(text)
    for parse in (_back, datetime.fromisoformat):
        try:
            return parse(text)
        except ValueError:
            continue
    return None


def _back(text: str) -> timedelta:
    return timedelta(seconds=parse_duration(text))
