"""202 means that it is in the log: acknowledgement, leaving, cancellation; and a delivery that was taken is not taken again."""

from __future__ import annotations

import anyio
import httpx
import pytest

from sse_gateway.connector import Message
from sse_gateway_webhook.intake import Delivery, Window, digest

from .harness import Bench, idle, running


class Senders:
    """Post bodies, each at once and in the order given, and note the answers by body."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.answers: dict[bytes, int] = {}

    async def post(self, body: bytes, **headers: str) -> None:
        self.answers[body] = (await self.bench.post(body, **headers)).status_code


async def test_nobody_is_answered_before_the_acknowledgement() -> None:
    async with idle() as bench, bench.connector, anyio.create_task_group() as tasks:
        senders = Senders(bench)
        tasks.start_soon(senders.post, b"1")
        [message] = await bench.connector.receive()
        await anyio.wait_all_tasks_blocked()
        assert senders.answers == {}
        await bench.connector.ack(message)
        await anyio.wait_all_tasks_blocked()
        assert senders.answers == {b"1": 202}


async def test_an_acknowledgement_answers_all_up_to_the_message_and_leaving_refuses_the_rest() -> None:
    async with idle() as bench, anyio.create_task_group() as tasks:
        senders = Senders(bench)
        async with bench.connector:
            for body in (b"1", b"2", b"3"):
                tasks.start_soon(senders.post, body)
            await anyio.wait_all_tasks_blocked()
            batch = await bench.connector.receive()
            tasks.start_soon(senders.post, b"4")  # comes after the batch was handed out
            await anyio.wait_all_tasks_blocked()
            await bench.connector.ack(batch[1])
            await anyio.wait_all_tasks_blocked()
            assert senders.answers == {b"1": 202, b"2": 202}
        await anyio.wait_all_tasks_blocked()
        assert senders.answers == {b"1": 202, b"2": 202, b"3": 503, b"4": 503}


async def test_a_body_of_many_events_is_answered_with_its_last() -> None:
    async with idle() as bench, bench.connector, anyio.create_task_group() as tasks:
        senders = Senders(bench)

        async def lines() -> None:
            await senders.post(b"1\n2\n3", content_type="application/x-ndjson")

        tasks.start_soon(lines)
        batch = await bench.connector.receive()
        for message in batch[:2]:
            await bench.connector.ack(message)
            await anyio.wait_all_tasks_blocked()
            assert senders.answers == {}
        await bench.connector.ack(batch[2])
        await anyio.wait_all_tasks_blocked()
        assert senders.answers == {b"1\n2\n3": 202}


async def test_an_acknowledgement_of_an_earlier_entry_answers_nobody() -> None:
    async with idle() as bench, anyio.create_task_group() as tasks:
        senders = Senders(bench)
        async with bench.connector:
            tasks.start_soon(senders.post, b"old")
            [old] = await bench.connector.receive()
        async with bench.connector:
            tasks.start_soon(senders.post, b"new")
            await bench.connector.receive()
            await bench.connector.ack(old)
        await anyio.wait_all_tasks_blocked()
        assert senders.answers == {b"old": 503, b"new": 503}


async def test_what_was_refused_at_leaving_does_not_come_after_the_next_entry() -> None:
    """Neither what was handed out nor what still waited: their senders come again."""
    async with idle() as bench, anyio.create_task_group() as tasks:
        senders = Senders(bench)
        async with bench.connector:
            tasks.start_soon(senders.post, b"taken")
            await bench.connector.receive()
            tasks.start_soon(senders.post, b"queued")
            await anyio.wait_all_tasks_blocked()
        await anyio.wait_all_tasks_blocked()
        assert senders.answers == {b"taken": 503, b"queued": 503}
        async with bench.connector:
            tasks.start_soon(senders.post, b"new")
            [message] = await bench.connector.receive()
            assert message.body == b"new"


async def test_all_that_waits_comes_in_one_batch_in_the_order_of_arrival() -> None:
    async with idle() as bench, bench.connector, anyio.create_task_group() as tasks:
        bodies = [str(number).encode() for number in range(50)]
        for body in bodies:
            tasks.start_soon(Senders(bench).post, body)
        await anyio.wait_all_tasks_blocked()
        batch = await bench.connector.receive()
        assert [message.body for message in batch] == bodies
        await bench.connector.ack(batch[-1])


async def test_a_receive_that_is_cancelled_takes_nothing() -> None:
    """Not even where the cancellation and the message come in the same turn of the loop."""
    async with idle() as bench, bench.connector, anyio.create_task_group() as tasks:
        with anyio.CancelScope() as scope:
            tasks.start_soon(_post_and_cancel, bench, scope)
            await bench.connector.receive()
        [message] = await bench.connector.receive()
        assert (scope.cancelled_caught, message.body) == (True, b"1")
        await bench.connector.ack(message)


async def _post_and_cancel(bench: Bench, scope: anyio.CancelScope) -> None:
    await anyio.wait_all_tasks_blocked()
    scope.cancel()
    await bench.post(b"1")


async def test_a_request_that_is_cancelled_while_it_waits_is_appended_all_the_same() -> None:
    """Once, and its id is known when it comes again."""
    async with idle(id_header="x-id") as bench, bench.connector, anyio.create_task_group() as tasks:
        senders = Senders(bench)
        with anyio.move_on_after(0.01):
            await senders.post(b"1", x_id="a")
        [message] = await bench.connector.receive()
        await bench.connector.ack(message)
        assert (await bench.post(b"1", x_id="a")).status_code == 202
        assert bench.refused == {"duplicate": 1}
        tasks.cancel_scope.cancel()


async def test_nothing_is_to_be_appended_of_an_empty_batch() -> None:
    async with idle() as bench, bench.connector:
        assert (await bench.post(b"\n", content_type="application/x-ndjson")).status_code == 202


def delivery(id: str) -> Delivery:
    return Delivery((Message(body=b""),), digest("/", id))


def appended(window: Window, id: str, now: float) -> None:
    one = delivery(id)
    assert one.digest
    window.begin([one.digest], anyio.Event())
    window.end([one.digest], now, appended=True)


async def post(bench: Bench, id: str, body: bytes = b"{}", path: str = "/hook") -> httpx.Response:
    return await bench.post(body, path, x_id=id)


async def test_a_repeat_gets_the_same_answer_and_no_second_event() -> None:
    async with running(id_header="x-id") as bench:
        answers = [(await post(bench, id)).status_code for id in ("1", "2", "1", "2", "1")]
        assert (answers, [message.id for message in bench.appended]) == ([202] * 5, ["1", "2"])
        assert bench.refused == {"duplicate": 3}


async def test_without_an_id_nothing_is_a_repeat() -> None:
    async with running() as bench:
        await bench.post(b"same")
        await bench.post(b"same")
        assert bench.bodies == [b"same", b"same"]


async def test_tenants_on_other_paths_may_use_the_same_ids() -> None:
    async with running(id_header="x-id", path="/hook/{tenant}") as bench:
        for path in ("/hook/a", "/hook/b", "/hook/a"):
            await post(bench, "1", path=path)
        assert [message.path["tenant"] for message in bench.appended] == ["a", "b"]


async def test_what_was_not_appended_is_no_repeat_when_it_comes_again() -> None:
    async with idle(id_header="x-id") as bench, anyio.create_task_group() as tasks:
        answers: list[int] = []
        async with bench.connector:
            tasks.start_soon(_note, bench, "1", answers)
            await bench.connector.receive()  # and not acknowledged
        await anyio.wait_all_tasks_blocked()
        assert answers == [503]
        async with bench.connector:
            tasks.start_soon(bench.append)
            assert (await post(bench, "1")).status_code == 202
            assert len(bench.bodies) == 1
            tasks.cancel_scope.cancel()


async def _note(bench: Bench, id: str, answers: list[int]) -> None:
    answers.append((await post(bench, id)).status_code)


async def test_a_repeat_of_one_in_flight_waits_for_its_outcome() -> None:
    answers: list[int] = []
    async with idle(id_header="x-id") as bench, bench.connector, anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(_note, bench, "1", answers)
        [message] = await bench.connector.receive()
        await anyio.wait_all_tasks_blocked()
        assert answers == []
        await bench.connector.ack(message)
        await anyio.wait_all_tasks_blocked()
        assert (answers, bench.refused) == ([202] * 3, {"duplicate": 2})


@pytest.mark.parametrize(("again", "expected"), [(False, [503, 503, 503]), (True, [202, 202, 503])])
async def test_a_repeat_of_one_that_failed_is_refused_with_it_or_takes_its_place_after_the_next_entry(
    again: bool, expected: list[int]
) -> None:
    """The connector may be entered again before the repeat has looked."""
    answers: list[int] = []
    async with idle(id_header="x-id") as bench, anyio.create_task_group() as tasks:
        async with bench.connector:
            for _ in range(3):
                tasks.start_soon(_note, bench, "1", answers)
            await bench.connector.receive()
        if again:
            async with bench.connector:
                [message] = await bench.connector.receive()
                await bench.connector.ack(message)
                await anyio.wait_all_tasks_blocked()
        await anyio.wait_all_tasks_blocked()
    assert sorted(answers) == expected


def test_the_window_forgets_after_its_span() -> None:
    window = Window(span=10, entries=100)
    appended(window, "a", now=0)
    assert window.fresh([delivery("a")], now=10) == []
    assert window.fresh([delivery("a")], now=20.5) == [delivery("a")]


def test_a_repeat_renews_its_id() -> None:
    window = Window(span=10, entries=100)
    for now in (0, 8, 16, 24):
        appended(window, "a", now=0) if now == 0 else None
        assert window.fresh([delivery("a")], now=now) == []


def test_the_window_forgets_the_ids_that_were_longest_unused() -> None:
    window = Window(span=10, entries=2)
    for id in "ab":
        appended(window, id, now=0)
    assert window.fresh([delivery("a")], now=1) == []  # used, so b is now the oldest
    appended(window, "c", now=2)
    assert window.fresh([delivery(id) for id in "abc"], now=3) == [delivery("b")]


def test_a_window_without_entries_remembers_nothing() -> None:
    window = Window(span=10, entries=0)
    appended(window, "a", now=0)
    assert window.fresh([delivery("a")], now=0) == [delivery("a")]


def test_of_two_with_one_id_in_a_body_the_first_is_taken() -> None:
    window, first, second = Window(span=10, entries=10), delivery("a"), delivery("a")
    assert [one is first for one in window.fresh([first, second], now=0)] == [True]
    unnamed = [Delivery(()), Delivery(())]
    assert window.fresh(unnamed, now=0) == unnamed


def test_an_id_costs_16_bytes_however_long_it_is() -> None:
    assert len(digest("/", "x" * 100_000)) == 16
    assert digest("/a", "b") != digest("/", "ab") != digest("", "/ab")
