"""How streams end when the server stops, and what tells the engine that it does: signals, the server, `AppStatus`."""

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

from .wire import Wire, begun, forever, serve, serving, slowly

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("afresh")]


async def test_an_idle_stream_ends_in_order_and_its_background_task_runs() -> None:
    wire, ran, reasons = Wire(), list[int](), list[str]()
    response = EventSourceResponse(
        forever("x"), background=BackgroundTask(lambda: ran.append(1)), on_close=reasons.append
    )
    async with begun(response, wire) as running:
        begin_shutdown()
        await running.done()
    assert wire.chunks == [b"data: x\r\n\r\n", b""]
    assert (wire.ended, ran, reasons) == (True, [1], ["shutdown"])


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
    async with begun(response, wire) as running:
        begin_shutdown()
        await running.done()
    assert (wire.data(), wire.ended, reasons) == (["x", "farewell"], True, ["finished"])


async def test_content_that_does_not_is_ended_after_the_grace() -> None:
    event, wire = anyio.Event(), Wire()
    response = EventSourceResponse(forever("x"), shutdown_event=event, shutdown_grace_period=0.05)
    async with begun(response, wire) as running:
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
    async with begun(response, wire) as running:
        begin_shutdown()
        await event.wait()
        await running.leave()
    assert wire.data() == ["x", "farewell"]


async def test_finish_lets_content_come_to_its_end() -> None:
    event, wire = anyio.Event(), Wire()

    async def content() -> AsyncIterator[str]:
        for number in range(5):
            yield str(number)
            await anyio.sleep(0.01)

    async with begun(EventSourceResponse(content(), on_shutdown="finish", shutdown_event=event), wire) as running:
        begin_shutdown()
        await running.done()
    assert (wire.data(), wire.ended, event.is_set()) == ([*"01234"], True, True)


async def test_farewells_are_spread_over_the_grace_with_different_retries() -> None:
    """At the same moment they would be sent in the order in which the streams began."""
    wires, ended = [Wire() for _ in range(20)], list[int]()
    options: dict[str, Any] = {"on_shutdown": "farewell", "shutdown_grace_period": 0.2}
    async with anyio.create_task_group() as group:
        for number, wire in enumerate(wires):
            response = EventSourceResponse(forever("x"), **options)
            response.on_close = lambda _, number=number: ended.append(number)
            group.start_soon(response, wire.scope, wire.receive, wire.send)
            await wire.until(lambda wire=wire: wire.chunks)  # type: ignore[misc]
        begin_shutdown()
    assert ended != sorted(ended)
    assert len({wire.parser.retry for wire in wires}) > 10
    assert all(3000 <= (wire.parser.retry or 0) <= 6000 for wire in wires)


async def test_a_client_that_takes_nothing_does_not_hold_the_shutdown() -> None:
    wire = Wire(takes=2)
    async with serving(EventSourceResponse(forever("x", "y")), wire) as running:
        await wire.sending()
        began = monotonic()
        begin_shutdown()
        await running.done()
    assert monotonic() - began < 5
    assert not wire.ended


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


@pytest.mark.parametrize("restarts", [True, False], ids=["posix", "windows"])
async def test_a_signal_ends_streams_and_still_does_what_the_server_wants(
    restarts: bool, server_signals: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not restarts:
        monkeypatch.delattr(signal, "siginterrupt")  # which Windows does not have
    async with begun(EventSourceResponse(forever("x")), wire := Wire()) as running:
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
    async with begun(EventSourceResponse(forever("x")), Wire()):
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


async def test_streams_share_one_link_in_the_chain(server_signals: list[int]) -> None:
    watch_shutdown()
    link = signal.getsignal(signal.SIGTERM)
    async with begun(EventSourceResponse(forever("x")), Wire()):
        assert signal.getsignal(signal.SIGTERM) is link


async def test_a_signal_does_not_end_streams_where_that_is_disabled(server_signals: list[int]) -> None:
    AppStatus.disable_automatic_graceful_drain()
    async with begun(EventSourceResponse(forever("x")), Wire()) as running:
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
    async with begun(EventSourceResponse(forever("x")), Wire()):
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
    async with begun(EventSourceResponse(forever("x")), Wire()) as running:
        await running.leave()
