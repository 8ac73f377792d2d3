"""The answers to a client that can't be served now.

An EventSource that is answered 503 or 429 gives up for ever, in all browsers. So one is answered 200, told to come back and
when, and the stream ends: to it that is a lost connection. Everybody else gets the status that HTTP has for it.
"""

from __future__ import annotations

import math

from starlette.responses import Response

from ..problem import Problem, problem
from ..sse.response import stream_headers
from ..sse.stream import jittered
from ..sse.wire import EVENT_STREAM, Format
from .negotiation import names

_STATUS = {
    "limit": (503, "the limit of clients is reached"),
    "address": (429, "the limit of clients from one address is reached"),
    "draining": (503, "the gateway shuts down"),
}


def headers(format: Format) -> dict[str, str]:
    """The headers of a stream that are the gateway's own: nothing on the way may store, transform or buffer the body."""
    return {"content-type": format.media_type, "cache-control": "no-cache, no-store, no-transform"}


def put_off(reason: str, *, accept: str, status_only: bool, retry: float, path: str) -> Response:
    """Come back in `retry` to twice as many seconds; spread, so that those who were put off together don't return so.
    `reason` is `limit`, `address` or `draining`."""
    seconds = jittered(retry)
    if names(accept, EVENT_STREAM.media_type) and not status_only:
        event = EVENT_STREAM.control("gateway.busy", {"reason": reason}, retry=seconds)
        return Response(event, headers=stream_headers(headers(EVENT_STREAM)))
    status, detail = _STATUS[reason]
    return problem(Problem(status, detail, {"retry-after": str(math.ceil(seconds))}), path=path)
