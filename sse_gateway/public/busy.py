"""The answers to a client that can't be served now.

An EventSource that is answered 503 or 429 gives up for ever, in all browsers. So one is answered 200, told to come back and
when, and the stream ends: to it that is a lost connection. Everybody else gets the status that HTTP has for it.
"""

from __future__ import annotations

import math

from starlette.responses import Response

from ..delivery.frames import EVENT_STREAM
from ..delivery.stream import begin_stream, jittered
from ..problem import Problem, problem
from .negotiation import names

__all__ = ["put_off"]

_STATUS = {
    "limit": (503, "the limit of clients is reached"),
    "address": (429, "the limit of clients from one address is reached"),
    "draining": (503, "the gateway shuts down"),
}


def put_off(reason: str, *, accept: str, status_only: bool, retry: float, path: str) -> Response:
    """Come back in `retry` to twice as many seconds; spread, so that those who were put off together don't return so.
    `reason` is `limit`, `address` or `draining`."""
    seconds = jittered(retry)
    if names(accept, EVENT_STREAM.media_type) and not status_only:
        headers = {name.decode(): value.decode() for name, value in begin_stream(EVENT_STREAM)["headers"]}
        return Response(EVENT_STREAM.control("gateway.busy", {"reason": reason}, retry=seconds), headers=headers)
    status, detail = _STATUS[reason]
    return problem(Problem(status, detail, {"retry-after": str(math.ceil(seconds))}), path=path)
