"""Many events in one body: all of them, or none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .harness import running

NDJSON = ["application/x-ndjson", "application/ndjson", "application/jsonl", "Application/X-NDJSON; charset=utf-8"]


@pytest.mark.parametrize("kind", NDJSON)
async def test_each_line_of_ndjson_is_an_event(kind: str) -> None:
    body = b'{"a": 1.10}\n\n  [1, 2]\r\n"\xc3\xbc\xe2\x80\xa8"\n3'  # U+2028 ends a line in other eyes
    async with running(id_header="x-id") as bench:
        assert (await bench.post(body, content_type=kind, x_id="d")).status_code == 202
        assert bench.bodies == [b'{"a": 1.10}', b"[1, 2]", b'"\xc3\xbc\xe2\x80\xa8"', b"3"]
        assert [message.id for message in bench.appended] == ["d/0", "d/1", "d/2", "d/3"]
        assert {message.headers["content-type"] for message in bench.appended} == {kind}


async def test_a_body_of_many_is_repeated_as_a_whole() -> None:
    async with running(id_header="x-id") as bench:
        for _ in range(2):
            assert (await bench.post(b"1\n2", content_type=NDJSON[0], x_id="d")).status_code == 202
        assert bench.bodies == [b"1", b"2"] and bench.refused == {"duplicate": 1}


async def test_without_an_id_its_events_have_none() -> None:
    async with running() as bench:
        await bench.post(b"1\n2", content_type=NDJSON[0])
        assert [message.id for message in bench.appended] == [None, None]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        *(
            (NDJSON[0], body)
            for body in (b"1\nx\n2", b"1\n\xff\n2", b"1 2", b"NaN", b"[" * 100_000, b'1\n"\xed\xa0\x80"')
        ),
        *(("application/json", body) for body in (b"[1, 2", b"[1,]", b"[1] 2", b"[NaN]", b"[1, \xff]")),
    ],
)
async def test_one_bad_event_refuses_them_all(kind: str, body: bytes) -> None:
    async with running(arrays=True) as bench:
        response = await bench.post(body, content_type=kind)
        assert (response.status_code, bench.bodies, bench.refused) == (400, [], {"malformed": 1})


@pytest.mark.parametrize("kind", ["application/json", "application/vnd.api+json; charset=utf-8"])
async def test_a_json_array_is_many_events_where_configured(kind: str) -> None:
    body = b'\n[ {"a": 1.10} , [], 1e400, "x" ] '
    async with running(arrays=True) as many, running() as one:
        for bench in (many, one):
            assert (await bench.post(body, content_type=kind)).status_code == 202
        assert many.bodies == [b'{"a": 1.10}', b"[]", b"1e400", b'"x"']
        assert one.bodies == [body]


async def test_what_is_no_array_is_one_event_also_where_arrays_are_configured() -> None:
    async with running(arrays=True) as bench:
        await bench.post(b'{"a": [1]}', content_type="application/json")
        await bench.post(b"[1, 2]", content_type="text/plain")
        await bench.post(b"[1, 2]")
        assert bench.bodies == [b'{"a": [1]}', b"[1, 2]", b"[1, 2]"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (NDJSON[0], lambda count: b"1\n" * count),
        ("application/json", lambda count: json.dumps([1] * count).encode()),
        (
            "application/cloudevents-batch+json",
            lambda count: json.dumps(
                [{"specversion": "1.0", "id": str(n), "source": "/s", "type": "t"} for n in range(count)]
            ).encode(),
        ),
    ],
    ids=["ndjson", "array", "cloudevents"],
)
async def test_more_events_than_a_body_may_have_are_refused(kind: str, body: Any) -> None:
    async with running(arrays=True, max_events=3) as bench:
        response = await bench.post(body(4), content_type=kind)
        assert (response.status_code, bench.bodies, bench.refused) == (413, [], {"too_many_events": 1})
        assert (await bench.post(body(3), content_type=kind)).status_code == 202
        assert len(bench.bodies) == 3


async def test_no_answer_quotes_the_body() -> None:
    async with running() as bench:
        for body in (b'{"password": "hunter2", }', b'"hunter2\xff"', b"hunter2"):
            assert "hunter2" not in (await bench.post(body, content_type=NDJSON[0])).text
