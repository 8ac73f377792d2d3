"""Claims 11 to 18: events, pings, the example with threads."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sse_gateway import EventSourceResponse, JSONServerSentEvent, ServerSentEvent
from sse_gateway.sse import ensure_bytes, iterated
from sse_gateway.testing import EventStreamParser

from ..wire import Wire, forever, serving

pytestmark = pytest.mark.anyio

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_11_dict_items() -> None:
    item = {"data": "text", "event": "update", "id": str(7)}
    assert ensure_bytes(item, "\r\n") == b"id: 7\r\nevent: update\r\ndata: text\r\n\r\n"


def test_12_server_sent_event() -> None:
    event = ServerSentEvent(data="Custom message", event="notification", id="msg-123", retry=5000)
    assert event.encode() == b"id: msg-123\r\nevent: notification\r\ndata: Custom message\r\nretry: 5000\r\n\r\n"


def test_13_json_server_sent_event() -> None:
    assert JSONServerSentEvent(data={"field": "value"}).encode() == b'data: {"field":"value"}\r\n\r\n'


@given(json_values.filter(lambda value: value is not None))
def test_13_any_json_arrives(value: Any) -> None:
    [event] = EventStreamParser().feed(JSONServerSentEvent(value).encode())
    assert json.loads(event.data) == value


def test_14_anything_that_json_dumps_takes() -> None:
    value = {"nested": [1, None, {"ünï": "line\nbreak\r"}], "(tuple)": (1, 2)}
    [event] = EventStreamParser().feed(JSONServerSentEvent(value).encode())
    assert json.loads(event.data) == {**value, "(tuple)": [1, 2]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        JSONServerSentEvent(float("nan"))


async def test_15_ping_interval() -> None:
    wire = Wire()
    async with serving(EventSourceResponse(forever(), ping=0.1), wire):
        await wire.until(lambda: len(wire.chunks) == 3)
    assert len(wire.parser.comments) == 3


async def test_16_ping_message_factory() -> None:
    def custom_ping() -> ServerSentEvent:
        return ServerSentEvent(comment="Custom ping message")

    wire = Wire()
    async with serving(EventSourceResponse(forever(), ping=0.02, ping_message_factory=custom_ping), wire):
        await wire.until(lambda: wire.chunks)
    assert wire.chunks == [b": Custom ping message\r\n\r\n"]


class Clock:
    """The module `asyncio`, and its loop, with a time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio if hasattr(asyncio, name) else asyncio.get_running_loop(), name)

    def monotonic(self) -> float:
        return self.now

    def get_running_loop(self) -> Clock:
        return self

    def call_later(self, delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        self.timers.append((self.now + delay, callback))
        return asyncio.get_running_loop().call_later(3600, callback)


async def test_17_default_ping_of_15_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert EventSourceResponse.DEFAULT_PING_INTERVAL == 15
    assert inspect.signature(EventSourceResponse).parameters["ping"].default is None
    clock, wire = Clock(), Wire()
    monkeypatch.setattr(iterated, "asyncio", clock)
    monkeypatch.setattr(iterated, "monotonic", clock.monotonic)
    monkeypatch.setattr("sse_gateway.sse.sink.monotonic", clock.monotonic)
    async with serving(EventSourceResponse(forever()), wire):
        await wire.asked.wait()
        while not [due for due, _ in clock.timers if due > 1001]:
            await asyncio.sleep(0)
        due, callback = clock.timers[-1]
        assert due == 1015
        clock.now = 1015
        callback()
        await wire.until(lambda: wire.chunks)
    assert wire.chunks[0].startswith(b": ping - ")


def test_18_the_example_with_threads_does_not_raise() -> None:
    errors: list[BaseException] = []

    def run_sse_in_thread() -> None:
        async def thread_events() -> AsyncIterator[dict[str, str]]:
            yield {"data": "Thread event"}

        try:
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            EventSourceResponse(thread_events())
            loop.close()
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=run_sse_in_thread) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert errors == []
