"""The drop-in event types: the same bytes as the library that people know, unless a value would forge a field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sse_gateway.sse import Event, JSONServerSentEvent, ServerSentEvent
from sse_gateway.sse.event import ensure_bytes
from sse_gateway.testing import EventStreamParser


@pytest.mark.parametrize(
    ("event", "wire"),
    [
        (ServerSentEvent(), b"\r\n"),
        (ServerSentEvent(""), b"data: \r\n\r\n"),
        (ServerSentEvent(0), b"data: 0\r\n\r\n"),
        (ServerSentEvent(False), b"data: False\r\n\r\n"),
        (ServerSentEvent(b"abc"), b"data: b'abc'\r\n\r\n"),
        (ServerSentEvent({"a": 1}), b"data: {'a': 1}\r\n\r\n"),
        (ServerSentEvent("a\nb\r\nc\rd\n"), b"data: a\r\ndata: b\r\ndata: c\r\ndata: d\r\ndata: \r\n\r\n"),
        (ServerSentEvent("\u2028\x85\x0b\x0c\ufeff"), "data: \u2028\x85\x0b\x0c\ufeff\r\n\r\n".encode()),
        (ServerSentEvent("x", id="a\r\ndata: evil"), b"id: adata: evil\r\ndata: x\r\n\r\n"),
        (ServerSentEvent("x", id="a\0b"), b"id: ab\r\ndata: x\r\n\r\n"),
        (ServerSentEvent("x", id="", event=""), b"id: \r\nevent: \r\ndata: x\r\n\r\n"),
        (ServerSentEvent("x", id=5, event=6), b"id: 5\r\nevent: 6\r\ndata: x\r\n\r\n"),
        (ServerSentEvent("x", retry=-5), b"data: x\r\nretry: -5\r\n\r\n"),
        (ServerSentEvent(comment="one\ntwo"), b": one\r\n: two\r\n\r\n"),
        (ServerSentEvent(comment=""), b": \r\n\r\n"),
        (ServerSentEvent("x", sep="\r"), b"data: x\r\r"),
        (
            ServerSentEvent("Custom message", event="notification", id="msg-123", retry=5000),
            b"id: msg-123\r\nevent: notification\r\ndata: Custom message\r\nretry: 5000\r\n\r\n",
        ),
        (JSONServerSentEvent({"field": "välue"}), 'data: {"field":"välue"}\r\n\r\n'.encode()),
        (JSONServerSentEvent(None, comment="c"), b": c\r\n\r\n"),
        (
            JSONServerSentEvent([1, None], event="e", id="i", retry=1, sep="\n"),
            b"id: i\nevent: e\ndata: [1,null]\nretry: 1\n\n",
        ),
    ],
)
def test_its_bytes(event: ServerSentEvent, wire: bytes) -> None:
    assert event.encode() == wire


def test_a_lone_surrogate_can_not_be_encoded() -> None:
    with pytest.raises(UnicodeEncodeError):
        ServerSentEvent("\ud800").encode()


def test_a_retry_that_is_no_integer_fails_when_it_is_encoded() -> None:
    event = ServerSentEvent(0, retry="ten")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="^retry argument must be int$"):
        event.encode()


@pytest.mark.parametrize("sep", ["", "; ", "\n\n"])
def test_a_separator_that_ends_no_line_is_refused_when_the_event_is_made_or_changed(sep: str) -> None:
    with pytest.raises(ValueError, match="sep must be one of"):
        ServerSentEvent("x", sep=sep)
    event = ServerSentEvent("x")
    with pytest.raises(ValueError, match="sep must be one of"):
        event.sep = sep


@pytest.mark.parametrize(("data", "error"), [(float("nan"), ValueError), ({1, 2}, TypeError), (b"x", TypeError)])
def test_what_is_no_json_is_refused_when_the_event_is_made(data: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        JSONServerSentEvent(data)


@pytest.mark.parametrize(
    ("item", "wire"),
    [
        (b": as it is", b": as it is"),
        (memoryview(b"data: 1\n\n"), b"data: 1\n\n"),
        ("text\ntwo", b"data: text\ndata: two\n\n"),
        (7, b"data: 7\n\n"),
        (None, b"data: None\n\n"),
        (bytearray(b".."), b"data: bytearray(b'..')\n\n"),
        ([1, "a"], b"data: [1, 'a']\n\n"),
        ({"data": "x", "event": "e", "sep": "; "}, b"event: e\ndata: x\n\n"),
        ({}, b"\n"),
        (ServerSentEvent("x"), b"data: x\n\n"),
        (ServerSentEvent("x", sep="\r"), b"data: x\r\r"),
        (JSONServerSentEvent([1]), b"data: [1]\n\n"),
        (Event([1]), b"data: [1]\n\n"),
    ],
)
def test_what_a_stream_may_yield(item: Any, wire: bytes) -> None:
    assert ensure_bytes(item, "\n") == wire


def test_an_unknown_field_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'dato'"):
        ensure_bytes({"dato": 1}, "\n")


class Old(ServerSentEvent):
    """As people wrote them for the other library."""

    def encode(self) -> bytes:  # type: ignore[override]
        return b"data: own\n\n"


class Derived(ServerSentEvent):
    pass


def test_a_subclass_may_have_its_own_encoding_or_inherit_ours() -> None:
    assert ensure_bytes(Old("x"), "\r") == b"data: own\n\n"
    assert ensure_bytes(Derived("x"), "\r") == b"data: x\r\r"


def test_subclasses_of_what_is_built_in_are_what_they_derive_from() -> None:
    class Fields(dict[str, Any]):
        pass

    class Chunk(bytes):
        pass

    assert ensure_bytes(Fields(data=1), "\n") == b"data: 1\n\n"
    assert ensure_bytes(Chunk(b"x"), "\n") == b"x"


def test_an_event_is_encoded_once_however_many_responses_send_it() -> None:
    event = ServerSentEvent("x" * 100, id="1")
    assert event.encode("\n") is event.encode("\n")
    assert ensure_bytes(event, "\n") is event.encode("\n")
    assert event.encode("\r") == event.encode("\n").replace(b"\n", b"\r")


def test_an_event_that_was_changed_is_encoded_anew() -> None:
    event = ServerSentEvent("one")
    assert event.encode() == b"data: one\r\n\r\n"
    event.data, event.event, event.id, event.retry, event.comment = "two", "e", "i", 1, "c"
    assert event.encode() == b": c\r\nid: i\r\nevent: e\r\ndata: two\r\nretry: 1\r\n\r\n"
    for name, value in [("data", 1), ("event", None), ("id", 2), ("retry", True), ("comment", None), ("sep", "\n")]:
        setattr(event, name, value)
        assert getattr(event, name) is value
        changed = ServerSentEvent(event.data, event=event.event, id=event.id, retry=event.retry, comment=event.comment)
        assert event.encode() == changed.encode(event.sep)
    changing = ServerSentEvent(["one"])
    changing.encode()
    changing.data.append("two")
    assert changing.encode() == b"data: ['one', 'two']\r\n\r\n"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values.filter(lambda value: value is not None))
def test_any_json_arrives(value: Any) -> None:
    [event] = EventStreamParser().feed(JSONServerSentEvent(value).encode())
    assert json.loads(event.data) == value
