"""Where in a stream to begin: what `start` may say, and how the broker is asked for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, TypeAdapter, ValidationError, WithJsonSchema

from sse_gateway.connector import Duration, InvalidValue

__all__ = ["Offset", "Start", "moment"]

Offset = str | int | datetime
"""A value of the consumer's argument `x-stream-offset`: a name, an offset, a time, or a time back as "600s"."""

_NAMES = ("next", "last", "first")
_DURATION: TypeAdapter[float] = TypeAdapter(Duration)
_LATEST = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())


def moment(timestamp: float) -> datetime:
    """`timestamp` (seconds since 1970) as the broker takes it: whole seconds, within the years that Python knows."""
    return datetime.fromtimestamp(min(max(int(timestamp), 0), _LATEST), UTC)


def _duration(text: str) -> str | None:
    try:
        return f"{max(1, round(_DURATION.validate_python(text)))}s"
    except ValidationError:
        return None


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _parse(value: object) -> Offset:
    read: Offset | None = None
    if isinstance(value, datetime) or (isinstance(value, int) and not isinstance(value, bool)):
        read = value
    elif isinstance(value, str):
        number = int(value) if value.isascii() and value.isdigit() else None
        read = number if number is not None else value if value in _NAMES else _duration(value) or _time(value)
    if read is None or (isinstance(read, int) and read < 0):
        raise InvalidValue(
            'expected "next", "last", "first", an offset, a time such as 2026-01-31T12:00:00Z, or "10m" back'
        )
    if isinstance(read, datetime) and read.tzinfo is None:
        raise InvalidValue('a time needs its zone, as the "Z" of 2026-01-31T12:00:00Z')
    return read


Start = Annotated[
    Offset,
    BeforeValidator(_parse),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string"}, {"type": "integer"}],
            "examples": ["next", "first", 0, "10m", "2026-01-31T12:00:00Z"],
        }
    ),
]
"""An `Offset` as people write it."""
