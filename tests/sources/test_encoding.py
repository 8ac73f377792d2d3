"""A body becomes text, JSON or base64; what is not of the kind is dropped or substituted."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sse_gateway.errors import Unmappable
from sse_gateway.sources.mapping import ENCODINGS, OnInvalid, parse

NOT_JSON = [
    b"",
    b"{",
    b"{'a':1}",
    b"[1,]",
    b"NaN",
    b"[Infinity]",
    b'{"a":-Infinity}',
    b'"\xff"',
    b"\xef\xbb\xbf{}",
    b"1" * 5000,
    b"[" * 100_000,
    "{}".encode("utf-16"),
]


def encode(kind: str, body: bytes | str, on_invalid: OnInvalid = "drop") -> tuple[bytes, bool]:
    return ENCODINGS[kind].encode(body, on_invalid)


@pytest.mark.parametrize("body", [b"", b"hello", "h\u00e9llo\n\u2028".encode(), b"\0", "plain"])
def test_text_stays_as_it_is(body: bytes | str) -> None:
    assert encode("text", body) == (body.encode() if isinstance(body, str) else body, False)


def test_bytes_that_are_no_text_are_dropped_replaced_or_written_in_base64() -> None:
    with pytest.raises(Unmappable) as dropped:
        encode("text", b"a\xff")
    assert dropped.value.reason == "encoding"
    assert encode("text", b"a\xff", "replace") == ("a\ufffd".encode(), True)
    assert encode("text", b"a\xff", "base64") == (b"Yf8=", True)


def test_half_a_surrogate_pair_is_no_text() -> None:
    """A template may take one out of a JSON escape."""
    with pytest.raises(Unmappable):
        encode("text", "a\ud800")
    assert encode("text", "a\ud800", "replace")[0].decode().startswith("a\ufffd")


@pytest.mark.parametrize("body", NOT_JSON, ids=lambda body: repr(body[:12]))
def test_what_is_not_json_is_dropped_or_becomes_a_json_string(body: bytes) -> None:
    with pytest.raises(ValueError, match="."):
        parse(body)
    with pytest.raises(Unmappable) as dropped:
        encode("json", body)
    assert dropped.value.reason == "encoding"
    data, repaired = encode("json", body, "replace")
    assert (json.loads(data), repaired) == (body.decode(errors="replace"), True)
    data, repaired = encode("json", body, "base64")
    assert (base64.b64decode(json.loads(data)), repaired) == (body, True)


def test_json_is_compacted_and_else_stays_as_it_was_written() -> None:
    """Numbers keep their digits, strings their escapes and spaces, objects the order and the repetition of their
    keys."""
    body = b'{ "b" : 1.10,\n"a":[ 1E5 , 12345678901234567890.12 ],\t"b": "x  \\" \\u00e9 \xc3\xa9\\\\" , "":null }\r\n'
    wanted = b'{"b":1.10,"a":[1E5,12345678901234567890.12],"b":"x  \\" \\u00e9 \xc3\xa9\\\\","":null}'
    assert encode("json", body) == (wanted, False)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values, st.sampled_from([None, 1, "\t", " \n"]), st.booleans())
def test_compacting_keeps_the_value_and_leaves_no_space(value: object, indent: int | str | None, ascii: bool) -> None:
    data, repaired = encode("json", json.dumps(value, indent=indent, ensure_ascii=ascii).encode())
    assert not repaired
    assert data.decode() == json.dumps(value, ensure_ascii=ascii, separators=(",", ":"))


@given(st.binary())
def test_base64_takes_any_body(body: bytes) -> None:
    data, repaired = encode("base64", body)
    assert (base64.b64decode(data, validate=True), repaired) == (body, False)


@given(st.binary(), st.sampled_from(["text", "json"]), st.sampled_from(["replace", "base64"]))
def test_what_is_substituted_is_text_and_json_stays_json(body: bytes, kind: str, on_invalid: OnInvalid) -> None:
    data, _ = encode(kind, body, on_invalid)
    assert kind == "text" or json.loads(data) is not ...
    data.decode()


def test_parsing_takes_text_and_bytes() -> None:
    assert parse(b'{"a":[1]}') == parse('{"a":[1]}') == {"a": [1]}
