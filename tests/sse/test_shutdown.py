"""When the server stops: streams end as they are told to, in their own event loop, and the state lasts no longer than that."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from time import monotonic
from types import FrameType
from typing import Any

import anyio
import pytest
from starlette.background import BackgroundTask

from sse_gateway.sse import AppStatus, EventSourceResponse, begin_shutdown, watch_shutdown

from .wire import Wire, forever, serve, serving, slowly

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def _afresh() -> AsyncIterator[None]:
    watch_shutdown()
    yield
    watch_shutdown()
    AppStatus.enable_automatic_graceful_drain = True


@pytest.fixture
def server_signals() -> Iterator[list[int]]:
    """Handlers as a server installs them; what they were called with."""
    numbers: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        numbers.append(number)

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)


async def test_an_idle_stream_ends_in_order_and_its_background_task_runs() -> None:
    wire, ran, reasons = Wire(), list[int](), list[str]()
    response = EventSourceResponse(
        forever("x"), background=BackgroundTask(lambda: ran.append(1)), on_close=reasons.append
    )
    async with serving(response, wire) as running:
        await wire.until(lambda: wire.chunks)
        begin_shutdown()
        await running.done()
    assert wire.chunks == [b"data: x\r\n\r\n", b""]
    assert (wire.ended, ran, reasons) == (True, [1], ["shutdown"])


async def test_a_stream_that_starts_later_ends_at_once() -> None:
    begin_shutdown()
    wire = await serve(EventSourceResponse(forever("x")))
    assert wire.ended


async def test_its_head_comes_first_where_middleware_waits_before_it_passes_messages_on() -> None:
    begin_shutdown()
    wire = await serve(slowly(EventSourceResponse(forever("x"))))
    assert [message["type"] for message in wire.messages] == ["http.response.start", "http.response.body"]
    assert wire.ended


async def test_a_stream_whose_head_is_not_taken_sends_nothing_else() -> None:
    wire = Wire(takes=0)
    async with serving(EventSourceResponse(forever("x")), wire) as running:
        await wire.sending()
        begin_shutdown()
        while not wire.cancelled:
            await asyncio.sleep(0)
        wire.take()
        await running.done()
    assert wire.messages == []


async def cooperative(event: anyio.Event) -> AsyncIterator[str]:
    yield "x"
    await event.wait()
    yield "farewell"


async def test_the_content_is_told_and_may_end_by_itself() -> None:
    event, wire, reasons = anyio.Event(), Wire(), list[str]()
    response = EventSourceResponse(
        cooperative(event), shutdown_event=event, shutdown_grace_period=5, on_close=reasons.append
    )
    async with serving(response, wire) as running:
        await wire.until(lambda: wire.chunks)
        begin_shutdown()
        await running.done()
    assert (wire.data(), wire.ended, reasons) == (["x", "farewell"], True, ["finished"])


async def test_content_that_does_not_is_ended_after_the_grace() -> None:
    event, wire = anyio.Event(), Wire()
    response = EventSourceResponse(forever("x"), shutdown_event=event, shutdown_grace_period=0.05)
    async with serving(response, wire) as running:
        await wire.until(lambda: wire.chunks)
        began = monotonic()
        begin_shutdown()
        await event.wait()
        await running.done()
    assert (wire.ended, monotonic() - began >= 0.04) == (True, True)


async def test_a_disconnect_that_the_stopping_server_makes_up_does_not_shorten_the_grace() -> None:
    event, wire = anyio.Event(), Wire()

    async def content() -> AsyncIterator[str]:
        yield "x"
        await event.wait()
        await anyio.sleep(0.05)
        yield "farewell"

    response = EventSourceResponse(content(), shutdown_event=event, shutdown_grace_period=5)
    async with serving(response, wire) as running:
        await wire.until(lambda: wire.chunks)
        begin_shutdown()
        await event.wait()
        wire.leave()
        await running.done()
    assert wire.data() == ["x", "farewell"]


async def test_finish_lets_content_come_to_its_end() -> None:
    event, wire = anyio.Event(), Wire()

    async def content() -> AsyncIterator[str]:
        for number in range(5):
            yield str(number)
            await anyio.sleep(0.01)

    async with serving(EventSourceResponse(content(), on_shutdown="finish", shutdown_event=event), wire) as running:
        await wire.until(lambda: wire.chunks)
        begin_shutdown()
        await running.done()
    assert (wire.data(), wire.ended, event.is_set()) == ([*"01234"], True, True)


async def test_a_farewell_has_a_retry_of_its_own_and_is_the_last_message() -> None:
    wire = Wire()
    response = EventSourceResponse(
        forever("x"), on_shutdown="farewell", farewell={"event": "bye", "data": "back soon"}, retry=500
    )
    async with serving(response, wire) as running:
        await wire.until(lambda: wire.data())
        begin_shutdown()
        await running.done()
    assert wire.events()[-1].type == "bye"
    assert wire.messages[-1]["more_body"] is False
    assert b"bye" in wire.messages[-1]["body"]
    assert wire.parser.retry is not None
    assert 500 <= wire.parser.retry <= 1000


async def test_farewells_are_spread_over_the_grace_with_different_retries() -> None:
    wires = [Wire() for _ in range(20)]
    ended: list[float] = []
    async with anyio.create_task_group() as group:
        for wire in wires:
            response = EventSourceResponse(
                forever("x"),
                on_shutdown="farewell",
                shutdown_grace_period=0.2,
                on_close=lambda _: ended.append(monotonic()),
            )
            group.start_soon(response, wire.scope, wire.receive, wire.send)
        for wire in wires:
            await wire.until(lambda wire=wire: wire.chunks)  # type: ignore[misc]
        begin_shutdown()
    assert max(ended) - min(ended) > 0.05
    assert len({wire.parser.retry for wire in wires}) > 10
    assert all(3000 <= (wire.parser.retry or 0) <= 6000 for wire in wires)


async def test_a_client_that_takes_nothing_does_not_hold_the_shutdown() -> None:
    wire = Wire(takes=2)
    async with serving(EventSourceResponse(forever("x", "y")), wire) as running:
        await wire.sending()
        began = monotonic()
        begin_shutdown()
        await running.done()
    assert monotonic() - began < 1
    assert not wire.ended


async def test_a_signal_ends_streams_and_still_does_what_the_server_wants(server_signals: list[int]) -> None:
    wire = Wire()
    async with serving(EventSourceResponse(forever("x")), wire) as running:
        await wire.until(lambda: wire.chunks)
        os.kill(os.getpid(), signal.SIGTERM)
        await running.done()
    assert (wire.ended, server_signals) == (True, [signal.SIGTERM])


async def test_a_signal_is_heard_where_system_calls_are_never_restarted(
    server_signals: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, which has no `siginterrupt`."""
    monkeypatch.delattr(signal, "siginterrupt")
    wire = Wire()
    async with serving(EventSourceResponse(forever("x")), wire) as running:
        await wire.until(lambda: wire.chunks)
        os.kill(os.getpid(), signal.SIGTERM)
        await running.done()
    assert (wire.ended, server_signals) == (True, [signal.SIGTERM])


async def test_a_signal_before_the_first_stream_is_heard_where_the_application_asks_for_it(
    server_signals: list[int],
) -> None:
    watch_shutdown()
    os.kill(os.getpid(), signal.SIGINT)
    assert (await serve(EventSourceResponse(forever("x")))).ended
    assert server_signals == [signal.SIGINT]


async def test_no_handler_is_put_over_the_default_action() -> None:
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    async with serving(EventSourceResponse(forever("x")), wire := Wire()):
        await wire.until(lambda: wire.chunks)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


async def test_streams_share_one_link_in_the_chain(server_signals: list[int]) -> None:
    watch_shutdown()
    link = signal.getsignal(signal.SIGTERM)
    async with serving(EventSourceResponse(forever("x")), wire := Wire()):
        await wire.until(lambda: wire.chunks)
        assert signal.getsignal(signal.SIGTERM) is link


async def test_a_signal_does_not_end_streams_where_that_is_disabled(server_signals: list[int]) -> None:
    AppStatus.disable_automatic_graceful_drain()
    wire = Wire()
    async with serving(EventSourceResponse(forever("x")), wire) as running:
        await wire.until(lambda: wire.chunks)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.02)
        assert (running.task.done(), server_signals) == (False, [signal.SIGTERM])
        AppStatus.should_exit = True
        await running.done()


class Server:
    """As far as it can be asked: one like uvicorn says by an attribute that it stops."""

    should_exit = False

    def handle_exit(self, number: int, frame: FrameType | None) -> None:
        self.should_exit = True


async def test_a_server_that_was_stopped_before_the_first_stream_is_noticed_by_it(server_signals: list[int]) -> None:
    server = Server()
    signal.signal(signal.SIGTERM, server.handle_exit)
    os.kill(os.getpid(), signal.SIGTERM)
    assert (await serve(EventSourceResponse(forever("x")))).ended


async def test_a_server_that_the_program_stops_without_a_signal_is_noticed_at_the_next_ping(
    server_signals: list[int],
) -> None:
    server, wire = Server(), Wire()
    signal.signal(signal.SIGTERM, server.handle_exit)
    async with serving(EventSourceResponse(forever("x"), ping=0.02), wire) as running:
        await wire.until(lambda: wire.parser.comments)
        assert not running.task.done()
        server.should_exit = True
        await running.done()
    assert wire.ended


async def test_the_next_server_in_the_same_loop_begins_anew(server_signals: list[int]) -> None:
    watch_shutdown()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0)
    assert AppStatus.should_exit
    signal.signal(signal.SIGTERM, Server().handle_exit)
    wire = Wire()
    async with serving(EventSourceResponse(forever("x")), wire):
        await wire.until(lambda: wire.chunks)
        assert not AppStatus.should_exit


async def test_handle_exit_does_what_the_signal_does(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(AppStatus, "original_handler", lambda *args: calls.append(args))
    AppStatus.disable_automatic_graceful_drain()
    AppStatus.handle_exit(15, None)
    status = [AppStatus.should_exit]
    AppStatus.enable_automatic_graceful_drain_mode()
    AppStatus.handle_exit(15, None)
    assert [*status, AppStatus.should_exit] == [False, True]
    assert calls == [(15, None), (15, None)]


async def test_should_exit_can_be_set_back_and_patched(monkeypatch: pytest.MonkeyPatch) -> None:
    AppStatus.should_exit = True
    AppStatus.should_exit = False
    with monkeypatch.context() as patch:
        patch.setattr(AppStatus, "should_exit", True)
        patch.setattr(AppStatus, "enable_automatic_graceful_drain", False)
        assert (AppStatus.should_exit, AppStatus.enable_automatic_graceful_drain) == (True, False)
    assert (AppStatus.should_exit, AppStatus.enable_automatic_graceful_drain) == (False, True)
    wire = Wire()
    async with serving(EventSourceResponse(forever("x")), wire) as running:
        await wire.until(lambda: wire.chunks)
        wire.leave()
        await running.done()
