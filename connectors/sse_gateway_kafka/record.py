"""A record of Kafka as a message of the gateway."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sse_gateway.connector import Message

__all__ = ["ID_HEADER", "message"]

# Kafka has no place for a producer's own id; what we publish carries it in this header, and so may anybody.
ID_HEADER = "message-id"


def message(record: Any, partition: str, receipt: int) -> Message:
    """Keys and header values that are not UTF-8 come with replacement characters. A record with a key and without a
    value is a tombstone: the key was deleted. Of headers with the same name the last one counts, as in Kafka's own
    clients."""
    headers = _headers(record.headers) if record.headers else {}
    return Message(
        body=record.value or b"",
        key=_text(record.key),
        headers=headers,
        partition=partition,
        offset=record.offset,
        id=headers.get(ID_HEADER) or None,
        timestamp=record.timestamp / 1000 if record.timestamp and record.timestamp > 0 else None,
        deleted=record.value is None and record.key is not None,
        receipt=receipt,
    )


def _headers(pairs: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    return {name.lower(): _text(value) for name, value in pairs}


def _text(raw: bytes | None) -> str:
    return raw.decode(errors="replace") if raw else ""
