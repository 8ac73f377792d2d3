"""202 means that it is in the log: acknowledgement, leaving, cancellation."""

from __future__ import annotations

import anyio

from .harness import Bench, idle


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
