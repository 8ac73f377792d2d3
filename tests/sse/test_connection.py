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


async def taking(message: Any) -> None:
    """A `send` that waits for nothing."""


def answering_done_future(message: Any) -> Awaitable[None]:
    outcome = Futurelike()
    outcome.future.set_result(None)
    return outcome


@pytest.mark.parametrize(
    ("send", "learnt"),
    [(lambda _: Done(), Done), (answering_done_future, None), (taking, None)],
    ids=["an object", "a future", "a coroutine"],
)
async def test_a_write_that_is_done_at_the_call_is_not_pending_and_its_class_is_learnt(
    send: Callable[[Any], Awaitable[None]], learnt: type | None
) -> None:
    """Not the class of coroutines: another one may wait."""
    subject = Connection(send)
    assert subject.write(BODY, nothing)
    assert Connection.finished is learnt
    assert subject.write(BODY, nothing)
    assert not subject.pending


async def test_a_pending_future_frees_the_connection_when_it_is_done() -> None:
    outcome, freed = Futurelike(), Freed()
    subject = Connection(lambda _: outcome)
    assert not subject.write(BODY, freed)
    pending = [subject.pending]
    outcome.future.set_result(None)
    await freed.event.wait()
    pending.append(subject.pending)
    assert (pending, freed.times) == ([True, False], 1)


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
async def test_a_coroutine_is_driven_through_everything_that_it_waits_for(steps: int) -> None:
    futures = [asyncio.get_running_loop().create_future() for _ in range(steps)]

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        for future in futures:
            await future

    freed = Freed()
    subject = Connection(send)
    assert not subject.write(BODY, freed)
    for future in futures:
        await turns(2)
        assert subject.pending
        future.set_result(None)
    await freed.event.wait()
    assert not subject.pending
    assert freed.times == 1


async def test_the_last_message_has_the_farewell_and_ends_the_body() -> None:
    sent = []

    def send(message: Any) -> Awaitable[None]:
        sent.append(message)
        return Done()

    subject = Connection(send)
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


@pytest.mark.parametrize(("aborted", "outside"), [(True, False), (False, True), (True, True)])
async def test_an_abort_cancels_the_request_and_ends_there_unless_it_is_cancelled_from_outside_too(
    aborted: bool, outside: bool
) -> None:
    request = Request()
    task = asyncio.get_running_loop().create_task(request.run())
    await asyncio.sleep(0)
    assert request.connection is not None
    if aborted:
        request.connection.abort("slow")
        request.connection.abort("slow")
    if outside:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert request.outcome == "cancelled"
    else:
        await task
        assert (request.outcome, request.connection.reason, task.cancelling()) == ("absorbed", "slow", 0)


class Slow:
    """A `send` that takes a message when it is told to, and notes the order."""

    def __init__(self) -> None:
        self.begun: list[Any] = []
        self.taken: list[Any] = []
        self.gate = asyncio.Semaphore(0)

    async def __call__(self, message: Any) -> None:
        self.begun.append(message)
        await self.gate.acquire()
        self.taken.append(message)


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_deliveries_never_overlap_and_keep_their_order() -> None:
    send = Slow()
    subject = Connection(send)
    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(subject.deliver, {"n": number})
        for number in range(4):
            await turns()
            assert len(send.begun) == number + 1
            assert subject.pending
            send.gate.release()
    assert [message["n"] for message in send.taken] == [0, 1, 2, 3]
    assert not subject.pending


async def test_a_delivery_that_is_cancelled_when_its_turn_has_come_gives_it_on() -> None:
    taken, loop = [], asyncio.get_running_loop()

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        taken.append(message["n"])
        loop.call_soon(tasks[1].cancel)  # it runs after the turn was given, and before that task does

    subject = Connection(send)
    tasks = [loop.create_task(subject.deliver({"n": number})) for number in range(3)]
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert (taken, [type(outcome) for outcome in outcomes]) == (
        [0, 2],
        [type(None), asyncio.CancelledError, type(None)],
    )
    assert not subject.pending


@pytest.mark.parametrize("cancelled", [[1], [1, 2]])
async def test_a_delivery_that_is_cancelled_before_its_turn_is_passed_over(cancelled: list[int]) -> None:
    send, loop = Slow(), asyncio.get_running_loop()
    subject = Connection(send)
    tasks = [loop.create_task(subject.deliver({"n": number})) for number in range(3)]
    await turns()
    for number in cancelled:
        tasks[number].cancel()
    await turns()
    send.gate.release()
    send.gate.release()
    await asyncio.wait(tasks)
    assert [message["n"] for message in send.taken] == [number for number in range(3) if number not in cancelled]
    assert not subject.pending


async def test_a_failed_delivery_gives_its_turn_on() -> None:
    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        raise OSError("gone")

    subject = Connection(send)
    outcomes = await asyncio.gather(subject.deliver({}), subject.deliver({}), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [OSError, OSError]
    assert not subject.pending


async def test_a_delivery_that_takes_too_long_is_told_of_once() -> None:
    send, late = Slow(), Freed()
    subject = Connection(send)
    subject.limit(0.02, late)
    async with anyio.create_task_group() as group:
        group.start_soon(subject.deliver, {})
        with anyio.fail_after(5):
            await late.event.wait()
        send.gate.release()
    assert late.times == 1


async def test_one_timer_follows_deliveries_that_each_have_their_time() -> None:
    send, late = Slow(), Freed()
    subject = Connection(send)
    subject.limit(1.5, late)
    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(subject.deliver, {})
            await anyio.sleep(0.4)  # a quarter of the limit: four take longer than it
            send.gate.release()
            await turns()
    assert late.times == 0
    subject.limit(None, None)


async def test_a_limit_that_was_lifted_tells_nobody() -> None:
    send, late = Slow(), Freed()
    subject = Connection(send)
    subject.limit(0.02, late)
    async with anyio.create_task_group() as group:
        group.start_soon(subject.deliver, {})
        await turns()
        subject.limit(None, None)
        await anyio.sleep(0.05)
        send.gate.release()
    assert late.times == 0
