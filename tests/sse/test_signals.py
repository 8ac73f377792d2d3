"""What tells the engine that the server stops: the process's signals, the server's own flag, `AppStatus`."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from sse_gateway.sse import AppStatus, EventSourceResponse, watch_shutdown

from .wire import Wire, forever, serve, serving

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("afresh")]


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
