"""A bound on open streams."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Literal, Protocol

from starlette.responses import PlainTextResponse, Response


class Limiter(Protocol):
    """Decides whether one stream may be open."""

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

    def __init__(self, max_connections: int = 100, *, retry_after: int = 5, max_per_address: int | None = None) -> None:
        """`retry_after` in seconds. `max_per_address` holds for those that call `admit` with an address."""
        self.max_connections = max_connections
        self.max_per_address = max_per_address
        self.retry_after = retry_after
        self.open = 0
        """Streams that are open."""
        self._addresses: Counter[str] = Counter()
        self._lock = threading.Lock()

    def admit(self, address: str = "") -> Literal["limit", "address"] | None:
        """Take a place, or say which bound leaves none: `limit` (in total) or `address`. An empty address has no bound."""
        with self._lock:
            if self.open >= self.max_connections:
                return "limit"
            if self.max_per_address is not None and address:
                if self._addresses[address] >= self.max_per_address:
                    return "address"
                self._addresses[address] += 1
            self.open += 1
            return None

    def enter(self) -> bool:
        """Take a place. False where none is left."""
        return self.admit() is None

    def leave(self, address: str = "") -> None:
        """Give the place back."""
        with self._lock:
            self.open -= 1
            if self.max_per_address is not None and address:
                self._addresses[address] -= 1
                if not self._addresses[address]:
                    del self._addresses[address]

    def refusal(self) -> Response:
        """The answer where no place is left."""
        headers = {"Retry-After": str(self.retry_after), "Cache-Control": "no-store"}
        return PlainTextResponse("Too many open streams", 503, headers)


def stop_reconnecting() -> Response:
    """204: the answer that ends an EventSource for good. All others make it come back or fail."""
    return Response(status_code=204)
