"""Where a reader begins that has no place yet."""

from __future__ import annotations

import math
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from sse_gateway.connector import Duration, InvalidValue

__all__ = ["EARLIEST", "LATEST", "moment"]

EARLIEST = 0.0
LATEST = math.inf

_DURATION: TypeAdapter[float] = TypeAdapter(Duration)
_EXPECTED = 'expected "latest", "earliest", a time with its zone ("2026-01-31T12:00:00Z") or so long ago ("10m")'


def moment(start: str, *, now: float) -> float:
    """The time that `start` means, in seconds since 1970; `EARLIEST` and `LATEST` are the two ends of the history.

    Raises:
        InvalidValue: it is none of "earliest", "latest", a time with its zone, a duration.
    """
    if start in ("latest", "earliest"):
        return LATEST if start == "latest" else EARLIEST
    try:
        return max(_time(start) if "T" in start else now - _DURATION.validate_python(start), EARLIEST)
    except (ValueError, ValidationError):
        raise InvalidValue(_EXPECTED) from None


def _time(text: str) -> float:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("no zone")
    return time.timestamp()
