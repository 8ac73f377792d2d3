"""What a client asked for, and how its stream begins."""

from __future__ import annotations

import random
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from ..core import Cursor, Hub, Notice, Reset, Subscriber
from ..core.cursor import Place
from ..errors import MalformedCursor
from .frames import Format, Frames

__all__ = ["StreamRequest", "begin_stream", "body", "jittered", "read_cursor", "write_opening"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRequest:
    """A request for a stream, resolved: channels are checked and permitted."""

    channels: tuple[str, ...]
    format: Format
    route: str
    """The route's path template: the label of its metrics."""
    last_event_id: str | None = None
    """An id of ours, `earliest` or `latest`; None where it did not ask to resume."""


def begin_stream(format: Format) -> MutableMapping[str, Any]:
    """The ASGI message that starts the response. Nothing on the way may store, transform or buffer it."""
    headers = [
        (b"content-type", format.media_type.encode()),
        (b"cache-control", b"no-cache, no-store, no-transform"),
        (b"x-accel-buffering", b"no"),
    ]
    return {"type": "http.response.start", "status": 200, "headers": headers}


def body(data: bytes) -> MutableMapping[str, Any]:
    """The ASGI message of a piece of the body; one object may go to many clients."""
    return {"type": "http.response.body", "body": data, "more_body": True}


def jittered(seconds: float) -> float:
    """Somewhere between once and twice as long, so that clients which left together don't come back together."""
    return seconds * random.uniform(1, 2)


def read_cursor(text: str | None, hub: Hub) -> Cursor | None:
    """The place that a client asked for; None is live from now.

    Raises:
        MalformedCursor: it is not an id of ours.
    """
    if text is None or text == "latest":
        return None
    if text == "earliest":
        return Cursor({log.vector.tag: Place({}) for log in hub.logs if log.vector.tag})
    return Cursor.parse(text)


def open_reader(request: StreamRequest, hub: Hub) -> Subscriber:
    """A subscriber where the request wants to begin. An id that is not ours is told and begins now: it is never an error
    page, for which an EventSource gives up, and never a silent replay of everything."""
    try:
        return hub.subscribe(request.channels, read_cursor(request.last_event_id, hub))
    except MalformedCursor:
        reader = hub.subscribe(request.channels)
        reader.notices = tuple(Reset(log.source, "malformed") for log in reader.subscription.scope)
        return reader


def write_opening(frames: Frames, reader: Subscriber, retry: float) -> bytes:
    """The first piece of a stream: when to come back, an id to come back with, and what came of a wish to resume."""
    id = reader.id
    opening = frames.format.control("gateway.at", id=id, retry=jittered(retry))
    if reader.notices:
        return opening + frames.notices(reader.notices, id)
    if reader.resumed:
        return opening + frames.format.control("gateway.resumed", {"from": "log"}, id=id)
    return opening


def outcome(notices: tuple[Notice, ...]) -> str:
    """One word for the counter of resumes."""
    if not notices:
        return "log"
    return "reset" if any(isinstance(notice, Reset) for notice in notices) else "gap"
