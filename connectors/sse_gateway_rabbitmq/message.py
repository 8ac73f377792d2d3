"""Messages as AMQP has them and as the gateway has them, in both directions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from sse_gateway.connector import Message, SourceUnavailable

OFFSET = "x-stream-offset"
"""The header with which a stream tells a message's offset, and the argument with which it is asked for one."""

_EXCHANGE = "amqp-exchange"
_SHORT = 255  # bytes of AMQP's short strings: header names, routing keys, properties

# Properties that are strings are headers here, under the names that HTTP has for them where it has one. Those that are
# the producer's own description of the message go along when it is published again; the others are its sender's.
_DESCRIPTIVE = {
    "content-type": "content_type",
    "content-encoding": "content_encoding",
    "correlation-id": "correlation_id",
    "type": "message_type",
    "app-id": "app_id",
}
_OTHERS = {"reply-to": "reply_to", "expiration": "expiration", "user-id": "user_id"}
_PROPERTIES = tuple((_DESCRIPTIVE | _OTHERS).items())


def read(delivered: DeliveredMessage) -> Message:
    """What the broker delivered. Its receipt is the delivery tag."""
    delivery, properties = cast("Basic.Deliver", delivered.delivery), delivered.header.properties
    own = properties.headers or {}
    headers = {name.lower(): _text(value) for name, value in own.items() if name != OFFSET}
    for name, attribute in _PROPERTIES:
        value = getattr(properties, attribute)
        if value:
            headers[name] = value
    headers[_EXCHANGE] = delivery.exchange
    offset = own.get(OFFSET)
    return Message(
        body=delivered.body,
        key=delivery.routing_key or "",
        headers=headers,
        offset=offset if isinstance(offset, int) else None,
        id=properties.message_id or None,
        timestamp=_seconds(properties.timestamp),
        receipt=delivery.delivery_tag,
    )


def _seconds(timestamp: object) -> float | None:
    # what is no time arrives as a number: see amqp.py
    return (timestamp.timestamp() or None) if isinstance(timestamp, datetime) else None


def offset_of(message: Message) -> int:
    """The offset of a stream's message. Raises SourceUnavailable where it has none: a queue was taken for a stream."""
    if message.offset is None:
        raise SourceUnavailable("what is read is a queue and no stream: its messages have no offsets")
    return message.offset


def _text(value: object) -> str:
    if value is None or isinstance(value, bool | int | float | list | dict):
        return json.dumps(value, default=_plain)
    return _plain(value)


def _plain(value: object) -> str:
    if isinstance(value, bytes | bytearray):
        return value.decode(errors="replace")
    return value.isoformat() if isinstance(value, datetime) else str(value)


def properties_of(message: Message) -> Basic.Properties:
    """The properties with which `message` is published. Header names that AMQP can't carry are left out."""
    properties = Basic.Properties(
        headers=_carried(message.headers),
        message_id=message.id if message.id and is_short(message.id) else None,
        timestamp=datetime.fromtimestamp(message.timestamp, UTC) if message.timestamp else None,
        delivery_mode=2,
    )
    for name, value in message.headers.items():
        if _describes(name, value):
            setattr(properties, _DESCRIPTIVE[name], value)
    return properties


def _describes(name: str, value: str) -> bool:
    return name in _DESCRIPTIVE and is_short(value)


def _carried(headers: Mapping[str, str]) -> dict[str, Any]:
    ours = {_EXCHANGE, OFFSET, *_OTHERS}
    return {
        name: value
        for name, value in headers.items()
        if name not in ours and is_short(name) and not _describes(name, value)
    }


def is_short(text: str) -> bool:
    """Whether AMQP can carry `text` as one of its short strings."""
    return len(text.encode()) <= _SHORT
