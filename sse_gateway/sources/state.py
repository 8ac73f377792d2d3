"""How a source is, for readiness and for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["SourceState", "Status"]

Status = Literal["connecting", "up", "down", "finished", "stopped"]
"""`connecting` until the first attempt has an answer, then `up` and `down`; the other two are for ever."""


@dataclass(slots=True)
class SourceState:
    """Written by the supervisor alone. Times are those of the event loop's clock (`anyio.current_time()`), in
    seconds."""

    since: float
    """When `status` became what it is."""
    status: Status = "connecting"
    last_error: str | None = None
    """Why it is or was last down; never with secrets."""
    last_message: float | None = None
    been_up: bool = False
    """Whether it was ever up: what readiness waits for."""

    def change(self, status: Status, now: float, error: str | None = None) -> bool:
        """Take over a status and, when down, its reason. Returns whether either is news."""
        news = status != self.status or (error is not None and error != self.last_error)
        if status != self.status:
            self.status, self.since = status, now
        if error is not None:
            self.last_error = error
        self.been_up = self.been_up or status == "up"
        return news
