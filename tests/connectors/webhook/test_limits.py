"""What one body, and all that wait, may take. In process, where each piece of a body comes when the test says so."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from sse_gateway_webhook.config import OVERHEAD, PendingConfig

from .harness import Bench, application, idle, running


class Upload:
    """One request whose body is sent piece by piece. `status` is 0 until it is answered."""

    def __init__(self, bench: Bench, **headers: str) -> None:
        self.status = 0
        self._app = application(bench.connector)
        self._headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        pieces: tuple[MemoryObjectSendStream[Any], MemoryObjectReceiveStream[Any]] = anyio.create_memory_object_stream(
            99
        )
        self._sends, self._receives = pieces

    async def run(self) -> None:
        scope = {"type": "http", "method": "POST", "path": "/hook", "headers": self._headers, "query_string": b""}
        with self._sends, self._receives:
            await self._app(scope, self._receives.receive, self._answer)

    async def send(self, piece: bytes, *, more: bool = True) -> None:
        self._sends.send_nowait({"type": "http.request", "body": piece, "more_body": more})
        await anyio.wait_all_tasks_blocked()

    async def leave(self) -> None:
        self._sends.send_nowait({"type": "http.disconnect"})
        await anyio.wait_all_tasks_blocked()

    async def _answer(self, message: Any) -> None:
        self.status = message.get("status", self.status)


def tight(**pending: Any) -> dict[str, Any]:
    """Options under which one body is at most 1 KiB of one event."""
    least = {"bytes": f"{1024 + OVERHEAD}B", **pending}
    return {"max_body": "1KiB", "max_events": 1, "pending": least}


async def test_a_body_of_the_largest_size_is_taken_and_one_byte_more_is_not() -> None:
    async with running(**tight()) as bench:
        assert (await bench.post(b"x" * 1024)).status_code == 202
        assert (await bench.post(b"x" * 1025)).status_code == 413
        assert bench.refused == {"body_too_large": 1}


@pytest.mark.parametrize("length", ["1025", "9" * 19, "9" * 5000])
async def test_a_body_that_says_it_is_too_large_is_refused_unread(length: str) -> None:
    async with running(**tight()) as bench, anyio.create_task_group() as tasks:
        upload = Upload(bench, content_length=length)
        tasks.start_soon(upload.run)
        await anyio.wait_all_tasks_blocked()
        assert (upload.status, bench.refused) == (413, {"body_too_large": 1})


@pytest.mark.parametrize("headers", [{}, {"content_length": "1"}, {"content_length": "\xb2"}, {"content_length": "-5"}])
async def test_a_body_that_lies_about_its_size_is_counted(headers: dict[str, str]) -> None:
    async with running(**tight()) as bench, anyio.create_task_group() as tasks:
        upload = Upload(bench, **headers)
        tasks.start_soon(upload.run)
        await anyio.wait_all_tasks_blocked()
        await upload.send(b"x" * 1000)
        assert upload.status == 0
        await upload.send(b"x" * 25)
        assert (upload.status, bench.refused, bench.bodies) == (413, {"body_too_large": 1}, [])


async def test_more_bodies_than_may_wait_are_told_to_come_again() -> None:
    async with idle(pending={"bodies": 2}) as bench, bench.connector, anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(bench.post)
        await anyio.wait_all_tasks_blocked()
        response = await bench.post()
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")
        assert bench.refused == {"pending_bodies": 1}
        await bench.connector.ack((await bench.connector.receive())[-1])
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(bench.append)
        assert (await bench.post()).status_code == 202
        tasks.cancel_scope.cancel()


async def test_bytes_that_are_being_read_count_as_those_that_wait() -> None:
    async with idle(**tight()) as bench, bench.connector, anyio.create_task_group() as tasks:
        slow, late = Upload(bench), Upload(bench)
        tasks.start_soon(slow.run)
        await slow.send(b"x" * 1000)
        tasks.start_soon(late.run)
        await late.send(b"x" * (OVERHEAD + 24))
        assert (slow.status, late.status) == (0, 0)  # together exactly what may be
        await late.send(b"x", more=False)
        assert (slow.status, late.status, bench.refused) == (0, 503, {"pending_bytes": 1})
        await slow.send(b"", more=False)  # and the room that it left is used again
        await bench.connector.ack((await bench.connector.receive())[-1])
        await anyio.wait_all_tasks_blocked()
        assert slow.status == 202


async def test_a_body_that_does_not_fit_is_refused_unread() -> None:
    async with idle(**tight()) as bench, bench.connector, anyio.create_task_group() as tasks:
        slow, late = Upload(bench), Upload(bench, content_length="1000", expect="100-continue")
        tasks.start_soon(slow.run)
        await slow.send(b"x" * 1000)
        tasks.start_soon(late.run)
        await anyio.wait_all_tasks_blocked()
        assert (late.status, bench.refused) == (503, {"pending_bytes": 1})
        await slow.leave()


async def test_many_small_events_weigh_more_than_their_bytes() -> None:
    lines: dict[str, Any] = {"body": b"1\n2", "content_type": "application/x-ndjson"}
    async with idle(max_body="1KiB", max_events=2, pending={"bytes": f"{1024 + 2 * OVERHEAD}B"}) as bench:
        async with bench.connector, anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: bench.post(**lines))
            batch = await bench.connector.receive()
            assert (await bench.post(**lines)).status_code == 503
            assert bench.refused == {"pending_bytes": 1}
            await bench.connector.ack(batch[-1])


async def test_a_refused_body_is_not_taken_in_beyond_the_limit() -> None:
    async with idle(**tight()) as bench, anyio.create_task_group() as tasks:
        endless, announced = Upload(bench), Upload(bench, content_length="1025")
        tasks.start_soon(endless.run)
        tasks.start_soon(announced.run)
        await endless.send(b"x" * 1025)
        assert (endless.status, announced.status) == (503, 503)


async def test_nobody_waits_for_a_refused_body_that_is_held_back() -> None:
    async with idle() as bench, anyio.create_task_group() as tasks:
        upload = Upload(bench, content_length="1000", expect="100-continue")
        tasks.start_soon(upload.run)
        await anyio.wait_all_tasks_blocked()
        assert upload.status == 503


def test_the_default_budget_holds_several_of_the_largest_bodies() -> None:
    assert PendingConfig().bytes >= 16 * (2**18 + 1000 * OVERHEAD)
