"""Threads, loops, test clients and servers in one process: each has its state, and a loop that is gone leaves none."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable

import anyio
import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.testclient import TestClient

from sse_gateway.sse import AppStatus, EventSourceResponse, begin_shutdown, statistics
from sse_gateway.sse.loop import all_loops, loop_of
from sse_gateway.sse.servers import observe_signals

from .servers import ROOT
from .wire import Wire, begun, forever, serve, serving, some


def run_alone(function: Callable[[], None]) -> None:
    """In a process of its own."""
    program = f"from {__name__} import {function.__name__} as run; run()"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, timeout=120)


def stream_in_thread(started: threading.Event, outcomes: list[bool]) -> threading.Thread:
    """A thread with a loop of its own, in which one stream runs until it is ended."""

    async def run() -> None:
        async with begun(EventSourceResponse(forever("x")), wire := Wire()) as running:
            started.set()
            await running.done()
            outcomes.append(wire.ended)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    return thread


@pytest.mark.parametrize("count", [3])
def test_the_streams_of_all_threads_end(count: int) -> None:
    started, outcomes = [threading.Event() for _ in range(count)], list[bool]()
    threads = [stream_in_thread(event, outcomes) for event in started]
    assert all(event.wait(5) for event in started)
    lasting = asyncio.new_event_loop()  # the others may be closed before they are asked
    loop_of(lasting)
    status = [AppStatus.should_exit]
    begin_shutdown()
    assert [*status, AppStatus.should_exit] == [False, True]
    lasting.close()
    for thread in threads:
        thread.join(5)
    assert outcomes == [True] * count


def test_one_loop_can_be_ended_alone() -> None:
    async def run() -> tuple[bool, bool]:
        mine = Wire()
        started, outcomes = threading.Event(), list[bool]()
        thread = stream_in_thread(started, outcomes)
        async with serving(EventSourceResponse(forever("x")), mine) as running:
            await asyncio.to_thread(started.wait, 5)
            await mine.until(lambda: mine.chunks)
            begin_shutdown(asyncio.get_running_loop())
            await running.done()
            alive = thread.is_alive()
        begin_shutdown()
        await asyncio.to_thread(thread.join, 5)
        return mine.ended, alive

    assert asyncio.run(run()) == (True, True)


def abandon_a_loop() -> None:
    """A loop is closed while a stream runs in it."""

    async def begin() -> None:
        wire = Wire()
        response = EventSourceResponse(forever("x"))
        asyncio.get_running_loop().create_task(response(wire.scope, wire.receive, wire.send))
        await wire.until(lambda: wire.chunks)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(begin())
    loop.close()


def stream_after_abandoned_loops() -> None:
    """Loops are closed abruptly; one more is ended in order, and nothing is left of the others."""
    for _ in range(20):
        abandon_a_loop()
    assert all_loops() == ()
    begin_shutdown()
    started, outcomes = threading.Event(), list[bool]()
    thread = stream_in_thread(started, outcomes)
    assert started.wait(5)
    begin_shutdown()
    thread.join(5)
    gc.collect()
    assert outcomes == [True]
    assert len(all_loops()) <= 1
    assert statistics().open == 0


def test_loops_that_were_closed_abruptly_disturb_nobody_and_leave_nothing() -> None:
    """In a process of its own: asyncio minds such an end, and says so whenever what is left is collected."""
    run_alone(stream_after_abandoned_loops)


def test_a_loop_that_had_streams_is_not_kept_in_memory() -> None:
    loop = asyncio.new_event_loop()
    reference = weakref.ref(loop)
    loop.run_until_complete(serve(EventSourceResponse(some("x"))))
    loop.close()
    del loop
    gc.collect()
    assert reference() is None


def test_only_the_main_thread_may_overhear_signals() -> None:
    links: list[object] = []
    thread = threading.Thread(target=lambda: links.append(observe_signals()))
    thread.start()
    thread.join(5)
    assert links == [None]


def count_while_streams_come_and_go() -> None:
    """Streams are counted from another thread, where threads give way to each other all the time."""
    stop, failures = threading.Event(), list[RuntimeError]()

    def count() -> None:
        while not stop.is_set():
            try:
                statistics()
            except RuntimeError as error:
                failures.append(error)

    async def come_and_go() -> None:
        for _ in range(20):
            await asyncio.gather(*(serve(EventSourceResponse(some("x"))) for _ in range(50)))

    sys.setswitchinterval(1e-5)
    thread = threading.Thread(target=count)
    thread.start()
    try:
        asyncio.run(come_and_go())
    finally:
        stop.set()
        thread.join(5)
    assert failures == []


def test_streams_are_counted_from_another_thread_while_they_come_and_go() -> None:
    """In a process of its own: the lock of what measures coverage here is one that two threads wait for."""
    run_alone(count_while_streams_come_and_go)


async def endpoint(request: Request) -> EventSourceResponse:
    return EventSourceResponse(some("a", "b"))


app = Starlette(routes=[Route("/", endpoint), Route("/idle", lambda request: EventSourceResponse(forever("x")))])


def serve_on_a_socket() -> str:
    """A real server that is started, asked, and stopped while another stream is open."""

    async def run() -> str:
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve)
            while not server.started:
                await anyio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                text = (await client.get("/")).text
                async with client.stream("GET", "/idle"):
                    server.should_exit = True
                    begin_shutdown(asyncio.get_running_loop())
        return text

    return asyncio.run(run())


def test_each_streams_everything_whatever_ran_before_it() -> None:
    whole = "data: a\r\n\r\ndata: b\r\n\r\n"
    with TestClient(app) as client:
        assert [client.get("/").text, client.get("/").text] == [whole, whole]
    assert serve_on_a_socket() == whole
    for _ in range(2):
        assert asyncio.run(serve(EventSourceResponse(some("a", "b")))).body.decode() == whole
    assert serve_on_a_socket() == whole
    assert TestClient(app).get("/").text == whole
