"""The engine: Server-Sent Events for any ASGI application on asyncio or uvloop (not trio). It imports no other package of this
project."""

from __future__ import annotations

from .content import AsyncContentStream, Content, ContentStream, Feed, PushConnection, SyncContentStream
from .event import Event, JSONServerSentEvent, ServerSentEvent, ensure_bytes
from .loop import Statistics, begin_shutdown, statistics
from .peer import drop_frozen_clients
from .response import EventSourceResponse
from .servers import AppStatus, SendTimeoutError, watch_shutdown
from .sink import Connection, Send
from .stream import CloseReason, ConnectionLimiter, last_event_id, stop_reconnecting
from .wire import encode_body, encode_data

__all__ = [
    "AppStatus",
    "AsyncContentStream",
    "CloseReason",
    "Connection",
    "ConnectionLimiter",
    "Content",
    "ContentStream",
    "Event",
    "EventSourceResponse",
    "Feed",
    "JSONServerSentEvent",
    "PushConnection",
    "Send",
    "SendTimeoutError",
    "ServerSentEvent",
    "Statistics",
    "SyncContentStream",
    "begin_shutdown",
    "drop_frozen_clients",
    "encode_body",
    "encode_data",
    "ensure_bytes",
    "last_event_id",
    "statistics",
    "stop_reconnecting",
    "watch_shutdown",
]
