"""The event types and their wire forms: what is encoded is what an independent parser reads, wherever the bytes are cut. The
lenient types let no value forge a field, and `Event` refuses it."""

from __future__ import annotations

import dataclasses
import json
from enum import Enum, IntEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sse_gateway.sse import Event, JSONServerSentEvent, ServerSentEvent, encode_body, encode_data, ensure_bytes
from sse_gateway.sse.wire import encode_fields, one_line
from sse_gateway.testing import EventStreamParser

from . import streams


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


@pytest.mark.parametrize("sep", ["", "; ", "\n\n", "\u2028", 5])
def test_a_separator_that_ends_no_line_is_refused_when_the_event_is_made_or_changed(sep: Any) -> None:
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


@pytest.mark.parametrize(
    ("event", "wire"),
    [
        (Event(), b"\r\n"),
        (Event("text\ntwo"), b"data: text\r\ndata: two\r\n\r\n"),
        (Event("grüße".encode()), "data: grüße\r\n\r\n".encode()),
        (Event(memoryview(b"x")), b"data: x\r\n\r\n"),
        (Event({"a": [1, None, "é"]}), 'data: {"a":[1,null,"é"]}\r\n\r\n'.encode()),
        (Event(True), b"data: true\r\n\r\n"),
        (Event(0, id=7, event="e", retry=0, comment="c"), b": c\r\nid: 7\r\nevent: e\r\ndata: 0\r\nretry: 0\r\n\r\n"),
        (Event("x", sep="\n"), b"data: x\n\n"),
    ],
)
def test_the_bytes_of_a_strict_event(event: Event, wire: bytes) -> None:
    assert event.encode() == wire


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "a\nb"},
        {"id": "a\rb"},
        {"id": "a\0b"},
        {"event": "a\nb"},
        {"event": "a\rb"},
        {"event": "a\0b"},
        {"retry": -1},
        {"retry": True},
        {"retry": 2**31},
        {"sep": ""},
        {"sep": "; "},
        {"data": float("nan")},
        {"data": b"\xff"},
        {"data": "\ud800"},
        {"id": "\ud800"},
    ],
)
def test_a_value_that_would_not_arrive_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Event(**fields)


@pytest.mark.parametrize(
    "fields", [{"id": 1.5}, {"id": True}, {"event": 5}, {"retry": "5"}, {"retry": 1.5}, {"comment": 5}, {"data": {1}}]
)
def test_a_field_of_another_type_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Event(**fields)


def test_a_strict_event_can_not_be_changed() -> None:
    event = Event("x")
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.data = "y"  # type: ignore[misc]


def test_a_strict_event_is_encoded_once_for_each_separator() -> None:
    event = Event("a\nb", id="1")
    assert event.encode("\r") is event.encode("\r") == b"id: 1\rdata: a\rdata: b\r\r"
    with pytest.raises(ValueError, match="sep must be one of"):
        event.encode("; ")


def test_events_with_the_same_fields_are_equal() -> None:
    assert Event([1], id=5) == Event([1], id=5)
    assert Event([1], id=5) != Event([1], id=6)


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", b"data: \n"),
        (b"one", b"data: one\n"),
        (b"one\ntwo", b"data: one\ndata: two\n"),
        (b"one\r\ntwo\rthree\n", b"data: one\ndata: two\ndata: three\ndata: \n"),
        ("\u2028\x85\x0b\x0c".encode(), "data: \u2028\x85\x0b\x0c\n".encode()),
    ],
)
def test_each_line_of_a_payload_has_its_field(data: bytes, lines: bytes) -> None:
    assert encode_data(data) == lines


def test_a_body_has_its_type_before_its_data_and_a_blank_line_after_it() -> None:
    assert encode_body("add", b"1") == b"event: add\ndata: 1\n\n"
    assert encode_body("", b"1") == b"data: 1\n\n"


@pytest.mark.parametrize("type", ["a\nb", "a\rb", "a\0b"])
def test_a_type_that_would_forge_a_field_is_refused(type: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        encode_body(type, b"")


class Text(str, Enum):  # noqa: UP042  # as people wrote them before StrEnum, with another str()
    VALUE = "value"


class Number(IntEnum):
    SEVEN = 7


class Liar(int):
    def __str__(self) -> str:
        return "5\ndata: forged"

    __format__ = lambda self, _: str(self)  # noqa: E731


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("plain", "plain"),
        ("a\r\ndata: evil", "adata: evil"),
        ("a\0b\nc", "abc"),
        ("\u2028 \x85é", "\u2028 \x85é"),
        (5, "5"),
        (Text.VALUE, "value"),
        (Number.SEVEN, "7"),
        (Liar(5), "5"),
    ],
)
def test_an_id_or_type_becomes_one_line(value: object, line: str) -> None:
    assert one_line(value) == line


@pytest.mark.parametrize("value", [b"bytes", 1.5, ["list"]])
def test_an_id_or_type_is_text_or_an_integer(value: object) -> None:
    with pytest.raises(TypeError, match="expected a string or an integer"):
        one_line(value)


def test_a_boolean_retry_stays_what_clients_ignore() -> None:
    assert encode_fields(retry=True) == b"retry: True\r\n\r\n"
    assert encode_fields(retry=Liar(5)) == b"retry: 5\r\n\r\n"


text = st.text(max_size=12) | st.sampled_from(streams.NASTY)
fields = st.fixed_dictionaries(
    {},
    optional={
        "data": text | st.integers() | st.none(),
        "event": text | st.none(),
        "id": text | st.integers() | st.none(),
        "retry": st.integers() | st.booleans() | st.none(),
        "comment": text | st.none(),
    },
)


@settings(max_examples=400, deadline=None)
@given(st.lists(fields, max_size=4), st.sampled_from(streams.SEPARATORS))
def test_every_event_arrives_wherever_the_stream_is_cut(sent: list[dict[str, Any]], sep: str) -> None:
    stream = b"".join(ensure_bytes(fields, sep) for fields in sent)
    expected = streams.Expected()
    for fields in sent:
        expected.take(fields)
    for cut in range(len(stream) + 1):
        streams.compare(stream, expected, cut=cut)


def test_no_value_forges_a_field_in_20_000_random_events() -> None:
    streams.fuzz(20_000, seed=4)


def test_the_comparison_finds_a_forged_field() -> None:
    expected = streams.Expected()
    expected.take({"data": "x\ndata: y"})
    with pytest.raises(AssertionError):
        streams.compare(b"data: x\ndata: y\n\n", expected, cut=0)
