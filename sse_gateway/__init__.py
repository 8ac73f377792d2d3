"""Queues in, Server-Sent Events out.

The names of the response engine, `sse_gateway.sse`, can be imported from here: `from sse_gateway import EventSourceResponse`.
The engine is imported when one of them is first used, so `import sse_gateway` loads nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .sse import (
        AppStatus,
        CloseReason,
        ConnectionLimiter,
        Event,
        EventSourceResponse,
        JSONServerSentEvent,
        PushConnection,
        SendTimeoutError,
        ServerSentEvent,
        begin_shutdown,
        ensure_bytes,
        last_event_id,
        stop_reconnecting,
        watch_shutdown,
    )

__all__ = [
    "AppStatus",
    "CloseReason",
    "ConnectionLimiter",
    "Event",
    "EventSourceResponse",
    "JSONServerSentEvent",
    "PushConnection",
    "SendTimeoutError",
    "ServerSentEvent",
    "__version__",
    "begin_shutdown",
    "ensure_bytes",
    "last_event_id",
    "stop_reconnecting",
    "watch_shutdown",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import sse

    return getattr(sse, name)
