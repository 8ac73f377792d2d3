"""A delivery that was taken is not taken again."""

from __future__ import annotations

import anyio
import httpx
import pytest

from sse_gateway.connector import Message
from sse_gateway_webhook.intake import Delivery, Window, digest

from .harness import Bench, idle, running


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
