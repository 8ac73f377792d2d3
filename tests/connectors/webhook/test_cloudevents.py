"""CloudEvents 1.0: in every mode the same event gives the same message."""

from __future__ import annotations

import base64
import json
from importlib import import_module
from typing import Any

import pytest

from sse_gateway.connector import Message

from .harness import running

EVENT: dict[str, Any] = {
    "specversion": "1.0", "id": "A-1", "source": "/orders", "type": "order.created", "time": "2018-04-05T17:31:00.5Z",
    "subject": None, "number": 5, "flag": True,
}  # fmt: skip
BINARY = {
    "ce-specversion": "1.0", "ce-id": "A-1", "ce-source": "/orders", "ce-type": "order.created",
    "ce-time": "2018-04-05T17:31:00.5Z", "ce-number": "5", "ce-flag": "true", "content-type": "application/json",
}  # fmt: skip
EVERY_BYTE = bytes(range(256))
STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json; charset=UTF-8"


async def structured(text: str, kind: str = STRUCTURED) -> list[Message]:
    async with running() as bench:
        response = await bench.post(text.encode(), content_type=kind)
        assert response.status_code == (202 if bench.appended else 400), response.text
        return bench.appended


async def binary(headers: dict[str, str], body: bytes = b"{}") -> list[Message]:
    async with running() as bench:
        response = await bench.client.post("/hook", content=body, headers=headers)
        assert response.status_code == (202 if bench.appended else 400), response.text
        return bench.appended


async def test_the_modes_agree() -> None:
    data = '{"total": 1.10, "n": 12345678901234567890}'
    text = json.dumps(EVENT)[:-1] + f', "data": {data}}}'
    [one] = await binary(BINARY, data.encode())
    [two] = await structured(text)
    [three] = await structured(f"[{text}]", BATCH)
    for message in (one, two, three):
        assert (message.body, message.id, message.timestamp) == (data.encode(), "/orders A-1", 1522949460.5)
        assert {name: message.headers.get(name) for name in BINARY} == BINARY
        assert "ce-subject" not in message.headers


async def test_each_event_of_a_batch_is_told_apart_by_its_own_id() -> None:
    events = [{**EVENT, "id": id, "data": id} for id in ("1", "2", "2", "3")]
    async with running() as bench:
        assert (await bench.post(json.dumps(events[:2]).encode(), content_type=BATCH)).status_code == 202
        assert (await bench.post(json.dumps(events).encode(), content_type=BATCH)).status_code == 202
        assert bench.bodies == [b'"1"', b'"2"', b'"3"'] and bench.refused == {"duplicate": 3}
        assert (await bench.post(b"[]", content_type=BATCH)).status_code == 202


async def test_one_malformed_event_refuses_the_batch() -> None:
    assert await structured(json.dumps([EVENT, {**EVENT, "id": ""}]), BATCH) == []
    assert await structured(json.dumps(EVENT), BATCH) == []


@pytest.mark.parametrize(
    ("members", "body", "kind"),
    [
        ({"data": {"a": 1}}, b'{"a": 1}', "application/json"),
        ({"data": "text"}, b'"text"', "application/json"),
        ({"data": None}, b"null", "application/json"),
        ({}, b"", "application/json"),
        ({"data": "5", "datacontenttype": "application/vnd.x+json; v=1"}, b'"5"', "application/vnd.x+json; v=1"),
        ({"data": '<a b="c"/>', "datacontenttype": "application/xml"}, b'<a b="c"/>', "application/xml"),
        ({"data": "\u20ac", "datacontenttype": "text/plain"}, "\u20ac".encode(), "text/plain"),
        ({"data_base64": base64.b64encode(EVERY_BYTE).decode(), "datacontenttype": "image/png"}, EVERY_BYTE, "image/png"),
        ({"data_base64": "e30="}, b"{}", "application/json"),
    ],
)  # fmt: skip
async def test_the_data_of_a_structured_event_is_the_body(members: dict[str, Any], body: bytes, kind: str) -> None:
    [message] = await structured(json.dumps({**EVENT, **members}))
    assert (message.body, message.headers["content-type"]) == (body, kind)


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "0.3"}, {"specversion": None}, {"id": ""}, {"id": None}, {"source": ""}, {"type": None},
        {"id": {"a": 1}}, {"extension": [1]}, {"Extension": "a"}, {"my-extension": "a"}, {"subject": "a\nb"},
        {"subject": "\x9f"}, {"id": "\ud800"}, {"data": 1, "data_base64": "AA=="}, {"data_base64": "%"},
        {"data_base64": 5}, {"data_base64": "\u00e9"}, {"data": 5, "datacontenttype": "text/plain"},
        {"data": "\ud800", "datacontenttype": "text/plain"},
    ],
)  # fmt: skip
async def test_a_malformed_structured_event_is_refused(change: dict[str, Any]) -> None:
    assert await structured(json.dumps({**EVENT, **change})) == []


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "\ufeff{}", "[" * 100_000, '{"id": 1}'])
async def test_what_is_no_json_object_is_no_structured_event(text: str) -> None:
    assert await structured(text) == []


async def test_other_formats_than_json_are_not_known() -> None:
    async with running() as bench:
        for kind in ("application/cloudevents+avro", "application/cloudevents-batch+cbor", "application/cloudevents"):
            assert (await bench.post(b"x", content_type=kind)).status_code == 415
        assert bench.bodies == [] and bench.refused == {"media_type": 3}


@pytest.mark.parametrize(
    ("value", "means"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro \u20ac \U0001f600"),
        ("%e2%82%ac", "\u20ac"),
        ("100%25", "100%"),
        ("%2525", "%25"),
        ('"a \\"quoted\\" \\\\ value"', 'a "quoted" \\ value'),
        ('"%41"', "A"),
        ("50%", "50%"),
    ],
)  # fmt: skip
async def test_the_headers_of_a_binary_event_are_decoded_as_the_binding_says(value: str, means: str) -> None:
    [message] = await binary({**BINARY, "ce-subject": value})
    assert message.headers["ce-subject"] == means


@pytest.mark.parametrize(
    "change",
    [
        {"ce-specversion": "0.3"}, {"ce-id": ""}, {"ce-source": ""}, {"ce-type": ""}, {"ce-subject": "%C0%A0"},
        {"ce-subject": "%ff"}, {"ce-subject": "a%0Ab"}, {"ce-id": "%00"}, {"ce-subject": "%ED%A0%80"},
    ],
)  # fmt: skip
async def test_a_malformed_binary_event_is_refused(change: dict[str, str]) -> None:
    assert await binary({**BINARY, **change}) == []


async def test_a_binary_event_keeps_its_bytes_and_needs_no_content_type() -> None:
    headers = {name: value for name, value in BINARY.items() if name != "content-type"}
    [message] = await binary(headers, b"\x00\xff")
    assert message.body == b"\x00\xff" and "content-type" not in message.headers


@pytest.mark.parametrize(
    "time", ["", "yesterday", "2018-04-05T17:31:00", "2018-13-05T17:31:00Z", "0001-01-01T00:00:00+23:59"]
)
async def test_a_time_that_says_nothing_is_passed_over(time: str) -> None:
    [message] = await binary({**BINARY, "ce-time": time})
    assert message.timestamp is None


async def test_what_the_library_of_cloudevents_writes_is_read() -> None:
    http: Any = import_module("cloudevents.core.bindings.http")
    event: Any = import_module("cloudevents.core.v1.event")
    json_format: Any = import_module("cloudevents.core.formats.json")
    attributes = {
        "id": "1",
        "source": "/caf\u00e9",
        "type": "t",
        "specversion": "1.0",
        "subject": 'a "b" %',
        "x": "\u20ac",
    }
    written = event.CloudEvent(attributes={**attributes, "datacontenttype": "application/json"}, data={"a": [1]})
    for message in (
        http.to_binary(written, json_format.JSONFormat()),
        http.to_structured(written, json_format.JSONFormat()),
    ):
        [read] = await binary({**message.headers}, message.body)
        assert json.loads(read.body) == {"a": [1]}
        assert {name: read.headers[f"ce-{name}"] for name in attributes} == attributes
