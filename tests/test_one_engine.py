"""The gateway's streams and those of the library are one engine's: where a function of it is broken, both misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import anyio
import pytest
from starlette.requests import Request

from sse_gateway.sse import EventSourceResponse, SendTimeoutError, last_event_id
from sse_gateway.sse.sink import AsgiSink, last_piece
from sse_gateway.sse.stream import Stream, head

from .delivery.wire import Wire as GatewayWire
from .golden.public import public
from .sse.wire import Wire, forever, serve, serving, some

Claim = Callable[[], Awaitable[bool]]


async def gateway_begins_with_its_head() -> bool:
    async with public() as scene:
        return bool((await scene.ask("/events/a")).messages[0]["status"] == 200)


async def library_begins_with_its_head() -> bool:
    return bool((await serve(EventSourceResponse(some("x")))).start["status"] == 200)


async def gateway_reads_where_a_client_stood() -> bool:
    async with public() as scene:
        return b"gateway.reset" in (await scene.ask("/events/a", id="nonsense")).body


async def library_reads_where_a_client_stood() -> bool:
    wire = Wire(headers=[(b"last-event-id", b"17")], query_string=b"")
    return last_event_id(Request(wire.scope)) == "17"


async def gateway_ends_when_its_client_leaves() -> bool:
    async with public() as scene:
        (await scene.ask("/events/a")).leave()
        await anyio.wait_all_tasks_blocked()
        return scene.fanout.clients == 0


async def library_ends_when_its_client_leaves() -> bool:
    wire = Wire()
    async with serving(EventSourceResponse(forever("x")), wire) as running:
        await wire.until(lambda: wire.chunks)
        wire.leave()
        await anyio.wait_all_tasks_blocked()
        return running.task.done()


async def gateway_drops_a_client_that_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> bool:
    """And has its connection reset."""
    reset: list[object] = []
    monkeypatch.setattr(AsgiSink, "reset", lambda sink: reset.append(sink.peer))
    async with public("[limits]\nsend_timeout = '5s'") as scene:
        wire = await scene.ask("/events/a", wire=GatewayWire("future"))
        wire.stuck = True
        scene.publish("a", "x")
        await scene.settle()
        await scene.pass_time(5.1)
        await anyio.wait_all_tasks_blocked()
        return scene.fanout.clients == 0 and len(reset) == 1


async def library_drops_a_client_that_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> bool:
    """And has its connection reset."""
    reset: list[object] = []
    monkeypatch.setattr(AsgiSink, "reset", lambda sink: reset.append(sink.peer))
    wire = Wire(takes=1)
    async with serving(EventSourceResponse(forever("x"), send_timeout=0.05), wire) as running:
        await asyncio.wait([running.task], timeout=0.5)
        return running.task.done() and isinstance(running.task.exception(), SendTimeoutError) and len(reset) == 1


async def gateway_ends_in_order() -> bool:
    async with public() as scene:
        wire = await scene.ask("/events/a")
        scene.tasks.start_soon(partial(scene.fanout.drain, spread=0, retry=1))
        await anyio.wait_all_tasks_blocked()
        await scene.pass_time(0.2)
        return wire.ended


async def library_ends_in_order() -> bool:
    return (await serve(EventSourceResponse(some("x")))).ended


def no_head(status: int, headers: Any, scope: Any) -> Any:
    return {"type": "http.response.start", "status": 500, "headers": []}


def no_reading(request: Any, *, max_length: int | None = 0) -> str | None:
    return None


async def no_listening(self: Any, receive: Any) -> None:
    await asyncio.get_running_loop().create_future()


def no_timeout(self: Any) -> None:
    pass


def no_end(data: bytes) -> Any:
    return {"type": "http.response.body", "body": data, "more_body": True}


@pytest.mark.parametrize(
    ("part", "broken", "claims"),
    [
        (head, no_head, [gateway_begins_with_its_head, library_begins_with_its_head]),
        (last_event_id, no_reading, [gateway_reads_where_a_client_stood, library_reads_where_a_client_stood]),
        (Stream.listen, no_listening, [gateway_ends_when_its_client_leaves, library_ends_when_its_client_leaves]),
        (last_piece, no_end, [gateway_ends_in_order, library_ends_in_order]),
    ],
    ids=["head", "last event id", "disconnect", "end"],
)
async def test_a_part_of_the_engine_that_is_broken_is_missed_by_both(
    part: Any, broken: Any, claims: list[Claim], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [await claim() for claim in claims] == [True, True]
    monkeypatch.setattr(part, "__code__", broken.__code__)  # wherever it was imported to
    assert [await claim() for claim in claims] == [False, False]


async def test_a_timeout_that_is_broken_is_missed_by_both(monkeypatch: pytest.MonkeyPatch) -> None:
    claims = [gateway_drops_a_client_that_takes_nothing, library_drops_a_client_that_takes_nothing]
    assert [await claim(monkeypatch) for claim in claims] == [True, True]
    monkeypatch.setattr(AsgiSink.time_out, "__code__", no_timeout.__code__)
    assert [await claim(monkeypatch) for claim in claims] == [False, False]
