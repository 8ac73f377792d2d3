"""AMQP's messages and the gateway's, converted in both directions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import cast

from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from sse_gateway.connector import Message, SourceUnavailable

OFFSET = "x-stream-offset"
"""The header that holds the offset of a stream's message, and the consumer's argument that says where to begin."""

_EXCHANGE = "amqp-exchange"
_SHORT = 255  # bytes of AMQP's short strings: header names, routing keys, properties

# Properties that are strings become headers, under HTTP's name where there is one. Those that describe the message are
# kept when it is published again; the others concern only the delivery by its first sender.
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
    # a number is a value that is not a time: see amqp.py
    return (timestamp.timestamp() or None) if isinstance(timestamp, datetime) else None


def offset_of(message: Message) -> int:
    """The offset of a stream's message. Raises SourceUnavailable if it has none: the stream is a queue."""
    if message.offset is None:
        raise SourceUnavailable("this is a queue and not a stream: its messages have no offsets")
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
    described = {name: text for name, text in message.headers.items() if name in _DESCRIPTIVE and is_short(text)}
    left_out = {_EXCHANGE, OFFSET, *_OTHERS, *described}
    properties = Basic.Properties(
        headers={name: text for name, text in message.headers.items() if name not in left_out and is_short(name)},
        message_id=message.id if message.id and is_short(message.id) else None,
        timestamp=datetime.fromtimestamp(message.timestamp, UTC) if message.timestamp else None,
        delivery_mode=2,
    )
    for name, value in described.items():
        setattr(properties, _DESCRIPTIVE[name], value)
    return properties


def is_short(text: str) -> bool:
    """Whether AMQP can carry `text` as one of its short strings."""
    return len(text.encode()) <= _SHORT
