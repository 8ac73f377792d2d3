"""Where a client stood before it came back."""

from __future__ import annotations

from starlette.requests import HTTPConnection

__all__ = ["last_event_id"]

_MAX_LENGTH = 4096
"""Characters. Browsers send back whatever they were given, 16,000 characters too; proxies often stop at 8 KiB of headers."""


def last_event_id(request: HTTPConnection, *, max_length: int = _MAX_LENGTH) -> str | None:
    """The id of the last event that the client has: the `Last-Event-ID` header, or without it the query parameter
    `last_event_id` or `lastEventId`, for clients that can't set a header.

    None where there is none, or where it is longer than `max_length`, and so not one that this server gave. It comes from
    the client, so treat it as any input.
    """
    header = request.headers.get("last-event-id")
    if header:  # its bytes are UTF-8, and were decoded as Latin-1
        value: str | None = header.encode("latin-1").decode(errors="replace")
    else:
        value = request.query_params.get("last_event_id") or request.query_params.get("lastEventId")
    return value if value and len(value) <= max_length else None
