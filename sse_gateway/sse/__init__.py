"""The engine: Server-Sent Events for any ASGI application on asyncio or uvloop (not trio). It imports nothing else of this
project."""

from __future__ import annotations

from .app_status import AppStatus
from .content import AsyncContentStream, Content, ContentStream, Feed, SyncContentStream
from .event import Event, JSONServerSentEvent, ServerSentEvent, ensure_bytes
from .eviction import SendTimeoutError
from .limiter import ConnectionLimiter, stop_reconnecting
from .peer import drop_frozen_clients
from .push import PushConnection
from .response import EventSourceResponse
from .resume import last_event_id
from .shutdown import begin_shutdown, watch_shutdown
from .sink import Connection, Send
from .statistics import Statistics, statistics
from .stream import CloseReason
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
