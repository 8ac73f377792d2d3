"""Times that no clock shows. A client that writes microseconds where AMQP wants seconds, or a date before 1970 as Java's
does, makes pamqp raise; the connection dies of it, and again of the same message each time that it comes back. So what
is no time is read as the number that it is."""

from __future__ import annotations

import struct
from datetime import datetime

from pamqp import decode

__all__ = ["accept_any_timestamp"]

_read = decode.timestamp
_NUMBER = struct.Struct(">Q")


def accept_any_timestamp() -> None:
    """Put a decoder that never raises into pamqp's tables of decoders, for properties and for headers."""
    decode.METHODS["timestamp"] = decode.TABLE_MAPPING[b"T"] = _timestamp


def _timestamp(value: bytes) -> tuple[int, datetime | int]:
    try:
        return _read(value)
    except (ValueError, OverflowError, OSError):
        return _NUMBER.size, _NUMBER.unpack_from(value)[0]
