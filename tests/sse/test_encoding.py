"""The wire form of single fields: the fan-out's own encoder, and the rules that keep a value from forging a field."""

from __future__ import annotations

from enum import Enum, IntEnum

import pytest

from sse_gateway.sse import encode_body, encode_data
from sse_gateway.sse.wire import encode_fields, one_line, require_separator


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


def test_fields_stand_in_the_order_that_people_know() -> None:
    encoded = encode_fields("d", event="e", id="i", retry=5, comment="c", sep="\n")
    assert encoded == b": c\nid: i\nevent: e\ndata: d\nretry: 5\n\n"


def test_no_field_at_all_is_a_blank_line() -> None:
    assert encode_fields() == b"\r\n"


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


@pytest.mark.parametrize("sep", [None, "\r\n", "\r", "\n"])
def test_three_separators_end_a_line(sep: str | None) -> None:
    require_separator(sep)


@pytest.mark.parametrize("sep", ["", "; ", "\n\n", "\u2028", 5])
def test_no_other_separator_does(sep: object) -> None:
    with pytest.raises(ValueError, match="sep must be one of"):
        require_separator(sep)
