"""`EventStreamParser` parses event streams as the HTML standard says. It shares no code with the gateway, so it can check the
gateway's encoder. `EventStreamReader` is a bare HTTP/1.1 client that uses it, so that tests see what is on the wire."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import anyio
from anyio.abc import ByteStream
from anyio.streams.buffered import BufferedByteStream

_MOST_HEAD = 65_536


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """An event as a browser dispatches it. `id` is the last event id at that moment. `type` is "message" by default."""

    type: str
    data: str
    id: str


class EventStreamParser:
    """Parses the bytes of a stream as they arrive, cut anywhere.

    It also keeps `last_event_id`, which a block without data changes too, `retry` in milliseconds, and `comments`.
    """

    last_event_id: str = ""
    retry: int | None = None

    def __init__(self) -> None:
        self.comments: list[str] = []
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._rest = ""
        self._after_cr = False
        self._id = ""
        self._clear()

    def _clear(self) -> None:
        self._type = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[ReceivedEvent]:
        """The events that `chunk` completes, in order. A block that no blank line follows is never an event."""
        return [event for line in self._lines(self._decoder.decode(chunk)) if (event := self._take(line)) is not None]

    def _lines(self, text: str) -> list[str]:
        if text and self._after_cr:  # the CR has already ended its line, so the LF after it ends none
            self._after_cr = False
            text = text.removeprefix("\n")
        self._after_cr = self._after_cr or text.endswith("\r")
        *lines, self._rest = (self._rest + text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return lines

    def _take(self, line: str) -> ReceivedEvent | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not name:
            self.comments.append(value)
        elif name == "event":
            self._type = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value)
        return None

    def _dispatch(self) -> ReceivedEvent | None:
        type_, data = self._type, self._data
        self._clear()
        self.last_event_id = self._id  # not before: the id of a block that was cut off has no effect
        return ReceivedEvent(type_ or "message", "\n".join(data), self._id) if data else None


class EventStreamReader:
    """`async with EventStreamReader("http://127.0.0.1:8080/events") as stream: event = await stream.receive()`.

    It never reconnects. To resume, open another one with `last_event_id=stream.last_event_id`. `status` and `headers` (with
    names in lower case) are those of the response.
    """

    status: int
    headers: Mapping[str, str]

    def __init__(self, url: str, *, headers: Mapping[str, str] | None = None, last_event_id: str | None = None) -> None:
        self._url = urlsplit(url)
        self._sent = {"accept": "text/event-stream", **(headers or {})}
        if last_event_id is not None:
            self._sent["last-event-id"] = last_event_id
        self._events: deque[ReceivedEvent] = deque()
        self.parser = EventStreamParser()

    @property
    def last_event_id(self) -> str:
        """The id with which a browser would reconnect."""
        return self.parser.last_event_id

    async def __aenter__(self) -> Self:
        tcp: ByteStream = await anyio.connect_tcp(self._url.hostname or "127.0.0.1", self._url.port or 80)
        self._stream = BufferedByteStream(tcp)
        try:
            await self._request()
        except BaseException:
            await anyio.aclose_forcefully(tcp)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await anyio.aclose_forcefully(self._stream)

    async def _request(self) -> None:
        target = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        lines = [f"GET {target} HTTP/1.1", f"host: {self._url.netloc}"]
        lines += [f"{name}: {value}" for name, value in self._sent.items()]
        await self._stream.send("\r\n".join([*lines, "", ""]).encode("latin-1"))
        head = await self._stream.receive_until(b"\r\n\r\n", _MOST_HEAD)
        first, *rest = head.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}

    async def receive(self) -> ReceivedEvent:
        """Wait for the next event.

        Raises:
            anyio.EndOfStream: the response ended as HTTP says.
            anyio.IncompleteRead: the connection ended in the middle of the response.
        """
        while not self._events:
            self._events.extend(self.parser.feed(await self.receive_bytes()))
        return self._events.popleft()

    async def receive_until(self, type: str) -> list[ReceivedEvent]:
        """All events up to and including the first one of this type. Raises as `receive` does."""
        events = [await self.receive()]
        while events[-1].type != type:
            events.append(await self.receive())
        return events

    async def receive_rest(self) -> list[ReceivedEvent]:
        """All events until the response ends. Raises `anyio.IncompleteRead` if it does not end as HTTP says."""
        events = []
        while True:
            try:
                events.append(await self.receive())
            except anyio.EndOfStream:
                return events

    async def receive_bytes(self) -> bytes:
        """Wait for more bytes of the body, without the framing of HTTP. Raises as `receive` does."""
        if self.headers.get("transfer-encoding") == "chunked":
            return await self._receive_chunk()
        if "content-length" in self.headers:
            return await self._receive_counted()
        return await self._stream.receive()  # a response of HTTP/1.0 ends with the connection

    async def _receive_chunk(self) -> bytes:
        size = int((await self._stream.receive_until(b"\r\n", 64)).partition(b";")[0], 16)
        chunk = await self._stream.receive_exactly(size + 2)
        if size == 0:
            raise anyio.EndOfStream
        return chunk[:-2]

    async def _receive_counted(self) -> bytes:
        size = int(self.headers["content-length"])
        self.headers = {**self.headers, "content-length": "0"}
        if size == 0:
            raise anyio.EndOfStream
        return await self._stream.receive_exactly(size)
