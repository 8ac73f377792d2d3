"""One client on the wire: writes that never wait, deliveries that do, and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator
from typing import Any

import anyio
import pytest

from sse_gateway.sse import Connection

pytestmark = pytest.mark.anyio

BODY = {"type": "http.response.body", "body": b"x", "more_body": True}


class Done:
    """What granian's `send` returns when it has taken the message at the call."""

    def __await__(self) -> Generator[Any, None, None]:
        return iter(())  # type: ignore[return-value]


class Futurelike:
    """What it returns when it has not: something like a future, whose result is set later."""

    def __init__(self) -> None:
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.add_done_callback = self.future.add_done_callback
        self.done = self.future.done

    def __await__(self) -> Generator[Any, None, None]:
        return self.future.__await__()


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """What one server's `send` returns is learnt once in a process."""
    before, Connection.finished = Connection.finished, None
    yield
    Connection.finished = before


def connection(send: Callable[[Any], Awaitable[None]]) -> Connection:
    return Connection(send)


def nothing() -> None:
    raise AssertionError("it was not pending")


class Freed:
    """Counts how often a connection said that it takes more."""

    def __init__(self) -> None:
        self.times = 0
        self.event = asyncio.Event()

    def __call__(self) -> None:
        self.times += 1
        self.event.set()


async def test_a_write_that_is_done_at_the_call_is_not_pending_and_its_class_is_learnt() -> None:
    subject = connection(lambda _: Done())
    assert subject.write(BODY, nothing)
    assert Connection.finished is Done
    assert subject.write(BODY, nothing)
    assert not subject.pending


async def test_a_pending_future_frees_the_connection_when_it_is_done() -> None:
    outcome, freed = Futurelike(), Freed()
    subject = connection(lambda _: outcome)
    assert not subject.write(BODY, freed)
    pending = [subject.pending]
    outcome.future.set_result(None)
    await freed.event.wait()
    pending.append(subject.pending)
    assert (pending, freed.times) == ([True, False], 1)


async def test_a_future_that_is_done_already_is_not_pending() -> None:
    outcome = Futurelike()
    outcome.future.set_result(None)
    assert connection(lambda _: outcome).write(BODY, nothing)


async def test_a_coroutine_that_waits_for_nothing_is_done_at_the_call() -> None:
    async def send(message: Any) -> None:
        pass

    subject = connection(send)
    assert subject.write(BODY, nothing)
    assert Connection.finished is None  # another coroutine may wait


@pytest.mark.parametrize("steps", [1, 2, 3])
async def test_a_coroutine_is_driven_through_everything_that_it_waits_for(steps: int) -> None:
    futures = [asyncio.get_running_loop().create_future() for _ in range(steps)]

    async def send(message: Any) -> None:
        for future in futures:
            await future

    freed = Freed()
    subject = connection(send)
    assert not subject.write(BODY, freed)
    for future in futures:
        assert subject.pending
        future.set_result(None)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await freed.event.wait()
    assert not subject.pending
    assert freed.times == 1


async def test_a_coroutine_that_gives_way_goes_on_in_the_next_turn() -> None:
    async def send(message: Any) -> None:
        await asyncio.sleep(0)

    freed = Freed()
    subject = connection(send)
    assert not subject.write(BODY, freed)
    await freed.event.wait()
    assert freed.times == 1


async def test_the_last_message_has_the_farewell_and_ends_the_body() -> None:
    sent = []

    def send(message: Any) -> Awaitable[None]:
        sent.append(message)
        return Done()

    subject = connection(send)
    subject.finish(b"bye", "drain")
    assert sent == [{"type": "http.response.body", "body": b"bye", "more_body": False}]
    assert subject.reason == "drain"


class Request:
    """A request's task that waits for the disconnect, as the fan-out's does."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.outcome = ""

    async def run(self) -> None:
        self.connection = Connection(lambda _: Done())
        try:
            await anyio.sleep_forever()
        except asyncio.CancelledError:
            self.outcome = "absorbed" if self.connection.absorb() else "cancelled"
            if self.outcome == "cancelled":
                raise


async def test_an_abort_cancels_the_request_and_ends_there() -> None:
    request = Request()
    task = asyncio.get_running_loop().create_task(request.run())
    await asyncio.sleep(0)
    assert request.connection is not None
    request.connection.abort("slow")
    request.connection.abort("slow")
    await task
    assert (request.outcome, request.connection.reason, task.cancelling()) == ("absorbed", "slow", 0)


async def test_a_cancellation_from_outside_is_not_absorbed() -> None:
    request = Request()
    task = asyncio.get_running_loop().create_task(request.run())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert request.outcome == "cancelled"


async def test_an_abort_under_a_cancellation_from_outside_is_not_absorbed() -> None:
    request = Request()
    task = asyncio.get_running_loop().create_task(request.run())
    await asyncio.sleep(0)
    assert request.connection is not None
    request.connection.abort("slow")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert request.outcome == "cancelled"
