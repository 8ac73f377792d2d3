"""What a response may do beyond the library that people know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sse_gateway.sse import ConnectionLimiter, EventSourceResponse, last_event_id, statistics

from .wire import Untouched, Wire, forever, serve, serving, slowly, some

pytestmark = pytest.mark.anyio


async def test_the_headers_may_wait_for_the_first_event() -> None:
    wire, release = Wire(), anyio.Event()

    async def slow() -> AsyncIterator[str]:
        await release.wait()
        yield "x"

    async with serving(EventSourceResponse(slow(), wait_for_first=True, opening="hello", ping=0.01), wire) as running:
        await wire.asked.wait()
        await anyio.sleep(0.03)
        assert wire.messages == []
        release.set()
        await running.done()
    assert wire.chunks[:2] == [b": hello\r\n\r\n", b"data: x\r\n\r\n"]


async def test_what_is_raised_before_the_first_event_then_decides_the_status() -> None:
    wire = Wire(path="/", query_string=b"")

    async def refuse() -> AsyncIterator[str]:
        if not wire.messages:
            raise HTTPException(404, "no such channel")
        yield ""

    async def endpoint(request: Request) -> Response:
        return EventSourceResponse(refuse(), wait_for_first=True)

    await serve(Starlette(routes=[Route("/", endpoint)]), wire)
    assert (wire.start["status"], wire.body) == (404, b"no such channel")


async def test_content_without_events_still_has_headers_and_an_end() -> None:
    wire = await serve(EventSourceResponse(some(), wait_for_first=True))
    assert (wire.start["status"], wire.chunks) == (200, [b""])


async def test_a_stream_lives_no_longer_than_it_may() -> None:
    reasons: list[Any] = []
    wire, began = Wire(), monotonic()
    async with serving(EventSourceResponse(forever("x"), lifetime=0.1, on_close=reasons.append), wire) as running:
        await running.done()
    assert 0.08 < monotonic() - began < 10
    assert (wire.ended, reasons) == (True, ["expired"])


async def test_streams_that_began_together_do_not_expire_together() -> None:
    """With the same deadline they would end in the order in which they began."""
    ended: list[int] = []
    async with anyio.create_task_group() as group:
        for number in range(20):
            wire = Wire()
            response = EventSourceResponse(forever(), lifetime=0.3)
            response.on_close = lambda _, number=number: ended.append(number)
            group.start_soon(response, wire.scope, wire.receive, wire.send)
    assert ended != sorted(ended)


async def test_a_stream_without_a_lifetime_to_live_has_a_head_and_an_end() -> None:
    wire = await serve(slowly(EventSourceResponse(forever("x"), lifetime=0)))
    assert (wire.start["status"], wire.ended) == (200, True)


async def test_the_stream_beyond_the_limit_is_refused_while_the_others_run() -> None:
    limiter = ConnectionLimiter(2, retry_after=7)
    wires = [Wire(), Wire()]
    content = Untouched()
    async with (
        serving(EventSourceResponse(forever("x"), limiter=limiter), wires[0]) as first,
        serving(EventSourceResponse(forever("x"), limiter=limiter), wires[1]),
    ):
        for wire in wires:
            await wire.until(lambda wire=wire: wire.chunks)  # type: ignore[misc]
        tasks = asyncio.all_tasks()
        refused = await serve(EventSourceResponse(content, limiter=limiter))
        assert asyncio.all_tasks() == tasks
        assert (refused.start["status"], dict(refused.start["headers"])[b"retry-after"]) == (503, b"7")
        assert (content.closed, limiter.open) == (1, 2)
        wires[0].leave()
        await first.done()
        assert limiter.open == 1
        assert (await serve(EventSourceResponse(some("x"), limiter=limiter))).data() == ["x"]
    assert limiter.open == 0


@pytest.mark.parametrize(
    ("header", "query", "found"),
    [
        (None, b"", None),
        ("7", b"last_event_id=8&lastEventId=9", "7"),
        (None, b"lastEventId=9&last_event_id=8", "8"),
        (None, b"lastEventId=9", "9"),
        ("", b"lastEventId=9", "9"),
        ("grüße", b"", "grüße"),
        (None, b"lastEventId=gr%C3%BC%C3%9Fe", "grüße"),
        ("x" * 4096, b"", "x" * 4096),
        ("x" * 4097, b"", None),
    ],
)
async def test_where_a_client_stood_is_found(header: str | None, query: bytes, found: str | None) -> None:
    headers = [] if header is None else [(b"last-event-id", header.encode())]
    request = Request({"type": "http", "headers": headers, "query_string": query})
    assert last_event_id(request) == found


async def test_bytes_that_are_no_utf_8_are_no_error() -> None:
    request = Request({"type": "http", "headers": [(b"last-event-id", b"a\xff")], "query_string": b""})
    assert last_event_id(request) == "a\ufffd"
    assert last_event_id(request, max_length=1) is None


async def test_the_streams_of_the_process_are_counted() -> None:
    before = statistics()
    wire, stuck = Wire(), Wire(takes=1)
    async with (
        serving(EventSourceResponse(forever("x"), ping=0.01), wire) as running,
        serving(EventSourceResponse(forever("1234")), stuck),
    ):
        await wire.until(lambda: wire.parser.comments)
        await stuck.sending()
        now = statistics()
        assert (now.open - before.open, now.blocked, now.queued_bytes) == (2, 1, len("data: 1234\r\n\r\n"))
        assert (now.events - before.events, now.pings > before.pings, now.bytes > before.bytes) == (1, True, True)
        await running.leave()
        after = statistics()
    assert (after.open - before.open, after.events - before.events) == (1, 1)
    assert after.closed["client"] == before.closed.get("client", 0) + 1


@pytest.mark.parametrize(
    ("total", "each", "came", "refused", "back"),
    [
        (2, None, "abc", "limit", "c"),
        (10, 1, "aa", "address", "a"),
        (2, 1, ["", "", ""], "limit", ""),  # clients without an address share only the total
    ],
)
def test_who_is_beyond_a_limit_is_refused_and_counts_nowhere_until_another_leaves(
    total: int, each: int | None, came: str | list[str], refused: str, back: str
) -> None:
    limiter = ConnectionLimiter(total, max_per_address=each)
    assert [limiter.admit(address) for address in came] == [None] * (len(came) - 1) + [refused]
    assert limiter.open == len(came) - 1
    limiter.leave(came[0])
    assert limiter.admit(back) is None
    assert limiter.open == len(came) - 1


def test_an_address_at_its_limit_leaves_the_places_of_others() -> None:
    limiter = ConnectionLimiter(10, max_per_address=1)
    assert [limiter.admit("a"), limiter.admit("a"), limiter.admit("b")] == [None, "address", None]


@pytest.mark.parametrize("limit", [1, None])
def test_addresses_that_left_are_forgotten(limit: int | None) -> None:
    limiter = ConnectionLimiter(10, max_per_address=limit)
    for number in range(1000):
        limiter.admit(str(number))
        limiter.leave(str(number))

    assert not limiter._addresses
