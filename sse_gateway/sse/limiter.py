"""A bound on open streams."""

from __future__ import annotations

import threading
from typing import Protocol

from starlette.responses import PlainTextResponse, Response


class Limiter(Protocol):
    """Who says whether a stream may be open."""

    def enter(self) -> bool:
        """Take a place. False where none is left."""
        ...

    def leave(self) -> None:
        """Give the place back."""
        ...

    def refusal(self) -> Response:
        """The answer where no place is left."""
        ...


class ConnectionLimiter:
    """Lets so many streams be open at once, in all event loops together: `EventSourceResponse(..., limiter=limiter)`.

    The stream beyond gets 503 with Retry-After. To a browser's EventSource that is final: its page has to try again.
    """

    def __init__(self, max_connections: int = 100, *, retry_after: int = 5) -> None:
        """`retry_after` in seconds."""
        self.max_connections = max_connections
        self.retry_after = retry_after
        self.open = 0
        """Streams that are open."""
        self._lock = threading.Lock()

    def enter(self) -> bool:
        """Take a place; False where none is left."""
        with self._lock:
            if self.open >= self.max_connections:
                return False
            self.open += 1
            return True

    def leave(self) -> None:
        """Give the place back."""
        with self._lock:
            self.open -= 1

    def refusal(self) -> Response:
        """The answer where no place is left."""
        headers = {"Retry-After": str(self.retry_after), "Cache-Control": "no-store"}
        return PlainTextResponse("Too many open streams", 503, headers)


def stop_reconnecting() -> Response:
    """204: the answer that ends an EventSource for good. All others make it come back or fail."""
    return Response(status_code=204)
