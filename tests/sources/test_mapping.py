"""A message is mapped to an event as the templates of its source say, or not at all."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sse_gateway.config import SourceConfig
from sse_gateway.connector import Message
from sse_gateway.core import Event
from sse_gateway.errors import Unmappable
from sse_gateway.sources.mapping import ENCODINGS, Mapper, OnInvalid, parse
from sse_gateway.testing import MemoryConfig

ORDER = b'{"id": 7, "customer": {"name": "Ada"}, "total": 1.50, "type": "created"}'


def judged(message: Message, **options: Any) -> tuple[Event, bool]:
    table = {"channel": "orders", **options}
    source = SourceConfig.model_validate({**table, "name": "shop", "connector": "memory", "options": MemoryConfig()})
    return Mapper(source).map(message)


def mapped(message: Message, **options: Any) -> Event:
    return judged(message, **options)[0]


def reason(message: Message, **options: Any) -> tuple[str, str]:
    with pytest.raises(Unmappable) as error:
        mapped(message, **options)
    return error.value.reason, str(error.value)


def test_without_templates_the_body_is_the_data() -> None:
    message = Message(body=b"hello", key="k", id="m-1")
    assert mapped(message) == Event("orders", b"hello", "", "k", "m-1")


@pytest.mark.parametrize(
    ("template", "channel"),
    [
        ("orders.{key}", "orders.k"),
        ("{headers.X-Region}", "eu"),
        ("{path.tenant}.{source}", "acme.shop"),
        ("{json.customer.name}.{json.id}", "Ada.7"),
        ("at.{timestamp}", "at.12.5"),
    ],
)
def test_a_channel_is_made_of_any_field(template: str, channel: str) -> None:
    message = Message(body=ORDER, key="k", headers={"x-region": "eu"}, path={"tenant": "acme"}, timestamp=12.5)
    assert mapped(message, channel=template).channel == channel


def test_what_is_no_more_becomes_an_event_of_type_delete_with_the_key() -> None:
    """There is no body to look into, so only the channel and the id are of the templates."""
    gone = Message(body=b"", key="order-7", deleted=True)
    options = {"channel": "orders.{key}", "event": "{json.type}", "data": "{json.total}", "encoding": "json"}
    assert mapped(gone, **options) == Event("orders.order-7", b"order-7", "delete", "order-7")
    assert reason(gone, channel="{json.type}") == ("field", "no value for {json.type}")
    assert reason(gone, max_event="3B")[0] == "size"


def test_type_id_and_data_are_templates_too() -> None:
    event = mapped(
        Message(body=ORDER, id="upstream"),
        event="order.{json.type}",
        id="order-{json.id}",
        data='{{"who":"{json.customer.name}","all":{json}}}',
    )
    assert (event.type, event.id) == ("order.created", "order-7")
    assert event.data == (b'{"who":"Ada","all":{"id":7,"customer":{"name":"Ada"},"total":1.5,"type":"created"}}')


def test_the_body_is_parsed_only_if_a_template_looks_into_it() -> None:
    message = Message(body=b"not json")
    assert mapped(message, event="note").data == b"not json"
    for option in ({"channel": "{json.a}"}, {"event": "{json.a}"}, {"id": "{json.a}"}, {"data": "{json.a}"}):
        assert reason(message, **option)[0] == "json"


@pytest.mark.parametrize("option", ["channel", "event", "id", "data"])
@pytest.mark.parametrize(
    "template", ["{headers.x-missing}", "{json.missing}", "{json.customer.name.first}", "{path.id}", "{timestamp}"]
)
def test_a_field_without_a_value_makes_it_unmappable(option: str, template: str) -> None:
    found = reason(Message(body=ORDER), **{option: template})
    assert found == ("field", f"no value for {template}")


@pytest.mark.parametrize(
    "key", ["a b", "a/b", "a\nb", "é", "x" * 201, "a*", "a%2F", "a\0", "{key}", "a,b"], ids=lambda key: repr(key[:9])
)
def test_a_message_cannot_invent_a_channel_outside_the_alphabet(key: str) -> None:
    found, detail = reason(Message(body=b"", key=key), channel="{key}")
    assert found == "channel"
    assert key not in detail


@pytest.mark.parametrize("key", ["a", "A-z_0.9:~@=+-", "x" * 200])
def test_the_alphabet_of_channels(key: str) -> None:
    assert mapped(Message(body=b"", key=key), channel="{key}").channel == key


@pytest.mark.parametrize(
    "type_",
    ["gateway.at", "gateway.", "a\nb", "a\rb", "a\0b", "x" * 201, "\x1b[31m", "\ud800"],
    ids=lambda name: repr(name[:12]),
)
def test_a_message_cannot_forge_an_event_type(type_: str) -> None:
    assert reason(Message(body=b"", headers={"type": type_}), event="{headers.type}")[0] == "type"


@pytest.mark.parametrize("type_", ["gateway", "order.created", "Zahlung fällig", "x" * 200])
def test_other_types_pass(type_: str) -> None:
    assert mapped(Message(body=b"", headers={"type": type_}), event="{headers.type}").type == type_


@pytest.mark.parametrize(
    ("encoding", "data"), [("text", ORDER), ("base64", b"eyJpZCI6IDcs"), ("json", b'{"id":7,"customer":')]
)
def test_the_body_is_encoded_as_configured(encoding: str, data: bytes) -> None:
    event, substituted = judged(Message(body=ORDER), encoding=encoding)
    assert event.data.startswith(data) and not substituted


def test_the_data_template_is_encoded_too() -> None:
    assert mapped(Message(body=b'{"a": 1}'), data="[ {json.a}, 2 ]", encoding="json").data == b"[1,2]"
    assert reason(Message(body=b'{"a": 1}'), data="[ {json.a}, 2", encoding="json")[0] == "encoding"


def test_data_over_its_size_is_unmappable_and_the_size_is_that_of_the_data() -> None:
    message = Message(body=b"[ 1,  2 ]")
    assert reason(message, max_event="8B") == ("size", "9 bytes of data, max_event is 8")
    assert mapped(message, max_event="8B", encoding="json").data == b"[1,2]"
    assert mapped(message, max_event="9B").data == b"[ 1,  2 ]"


def test_an_id_is_whole_text() -> None:
    """Half a surrogate pair out of a JSON escape would break the hash of it."""
    event = mapped(Message(body=b'{"id":"a\\ud800"}'), id="{json.id}")
    assert event.id == "a?"
    assert mapped(Message(body=b"", id="bestellung-ü")).id == "bestellung-ü"


def test_what_is_told_of_a_bad_message_does_not_show_it() -> None:
    secret = b'{"password": hunter2'
    for options in ({"channel": "{json.id}"}, {"encoding": "json"}):
        assert "hunter2" not in reason(Message(body=secret), **options)[1]


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
