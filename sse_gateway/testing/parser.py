"""`EventStreamParser`: event streams as the HTML standard reads them, on its own: it holds the gateway's encoder to
account."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

__all__ = ["EventStreamParser", "ReceivedEvent"]


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """An event as a browser dispatches it. `id` is the last event id at that moment, `type` is "message" unless
    named."""

    type: str
    data: str
    id: str


class EventStreamParser:
    """Feed it bytes as they arrive, cut anywhere; it returns the events that they complete.

    Also kept: `last_event_id`, which a block without data moves too, `retry` in milliseconds, and `comments`.
    """

    last_event_id: str = ""
    retry: int | None = None

    def __init__(self) -> None:
        self.comments: list[str] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._begun = False
        self._after_cr = False
        self._id = ""
        self._clear()

    def _clear(self) -> None:
        self._type = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[ReceivedEvent]:
        """The events that `chunk` completes, in order. What a stream ends with and no blank line follows is never
        one."""
        return [event for line in self._lines(self._decoder.decode(chunk)) if (event := self._take(line)) is not None]

    def _lines(self, text: str) -> list[str]:
        if text and not self._begun:
            self._begun = True
            text = text.removeprefix("\ufeff")
        if text and self._after_cr:  # a CR ended its line when it came; the LF of a CRLF that follows ends none
            self._after_cr = False
            text = text.removeprefix("\n")
        self._after_cr = self._after_cr or text.endswith("\r")
        *lines, self._rest = (self._rest + text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return lines

    def _take(self, line: str) -> ReceivedEvent | None:
        if not line:
            return self._dispatch()
        name, colon, value = line.partition(":")
        if colon and not name:
            self.comments.append(value.removeprefix(" "))
        else:
            self._set(name, value.removeprefix(" "))
        return None

    def _set(self, name: str, value: str) -> None:
        if name == "event":
            self._type = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value)

    def _dispatch(self) -> ReceivedEvent | None:
        type_, data = self._type, self._data
        self._clear()
        self.last_event_id = self._id  # only now: an id whose block was cut off moves nothing
        return ReceivedEvent(type_ or "message", "\n".join(data), self._id) if data else None
