"""`Event` refuses what would not arrive as it was meant, when it is made."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from sse_gateway.sse import Event


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
def test_its_bytes(event: Event, wire: bytes) -> None:
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


def test_it_can_not_be_changed() -> None:
    event = Event("x")
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.data = "y"  # type: ignore[misc]


def test_it_is_encoded_once_for_each_separator() -> None:
    event = Event("a\nb", id="1")
    assert event.encode("\r") is event.encode("\r") == b"id: 1\rdata: a\rdata: b\r\r"
    with pytest.raises(ValueError, match="sep must be one of"):
        event.encode("; ")


def test_events_with_the_same_fields_are_equal() -> None:
    assert Event([1], id=5) == Event([1], id=5)
    assert Event([1], id=5) != Event([1], id=6)
