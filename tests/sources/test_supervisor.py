"""The supervisor keeps one source going: what it receives, acknowledges, tells and survives."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from typing import Self

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sse_gateway.connector import Message, SourceUnavailable
from sse_gateway.sources.supervisor import Backoff, SourceState, Timing

from .rig import ExchangeConnector, Orders, Rig, running


async def test_its_state_and_metrics_say_how_it_is() -> None:
    rig = Rig()
    assert rig.state == SourceState(since=0.0)
    rig.hold_rests()
    rig.upstream.refusing = "wrong password"
    async with running(rig):
        await rig.rested(1)
        assert (rig.state.status, rig.state.last_error, rig.state.been_up) == ("down", "wrong password", False)
        assert (rig.count("source_up"), rig.count("source_failures_total")) == (0, 1)
        rig.upstream.refusing = None
        rig.resting.release()
        await rig.up()
        assert (rig.count("source_up"), rig.state.been_up, rig.state.last_message) == (1, True, None)
        assert rig.state.last_error == "wrong password", "it is kept"
        assert rig.state.since == rig.now
        rig.now += 7
        rig.put(b"1")
        await rig.idle()
        assert rig.state.last_message == rig.now
        rig.upstream.cut("broker restarts")
        await rig.rested(2)
        assert (rig.state.status, rig.state.last_error, rig.state.been_up) == ("down", "broker restarts", True)
        assert rig.count("source_failures_total") == 2
    assert rig.state.status == "stopped"
    assert rig.count("source_up") == 0


async def test_one_line_is_logged_for_each_change(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="sse_gateway.sources")
    rig = Rig()
    rig.upstream.refusing = "no such topic"
    async with running(rig):
        await rig.rested(5)
        since = rig.state.since
        rig.upstream.refusing = "no leader"
        await rig.until(lambda: rig.state.last_error == "no leader")
        assert rig.state.since == since, "another reason is no new beginning"
        rig.upstream.refusing = None
        await rig.up()
    lines = [(record.levelname, record.message, vars(record).get("error")) for record in caplog.records]
    assert lines == [
        ("WARNING", "source is down", "no such topic"),
        ("WARNING", "source is down", "no leader"),
        ("INFO", "source is up", None),
        ("INFO", "source is stopped", None),
    ]
    assert {vars(record)["source"] for record in caplog.records} == {"orders"}


async def test_it_backs_off_and_begins_anew_after_a_healthy_minute() -> None:
    rig = Rig()
    rig.upstream.refusing = "closed"
    async with running(rig):
        await rig.rested(8)
        assert rig.rests[:8] == [0.5, 1, 2, 4, 8, 16, 30, 30]
        rig.upstream.refusing = None
        await rig.up()
        rig.rests.clear()
        rig.now += 59
        rig.upstream.cut()
        await rig.until(lambda: rig.rests and rig.state.status == "up")
        rig.now += 60
        rig.upstream.cut()
        await rig.rested(2)
    assert rig.rests == [30, 0.5]


async def test_a_lossy_source_never_waits_long_since_it_loses_what_comes_meanwhile() -> None:
    rig = Rig(connector=ExchangeConnector)
    rig.upstream.refusing = "closed"
    async with running(rig):
        await rig.rested(6)
    assert rig.rests[:6] == [0.5, 1, 2, 4, 5, 5]


async def test_a_source_that_ends_is_finished_and_not_failed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    rig = Rig()
    rig.put(b"1")
    rig.upstream.finish()
    with anyio.fail_after(30):
        await rig.supervisor.run()
        await rig.supervisor.stop()
    assert rig.bodies() == [b"1"]
    assert (rig.state.status, rig.state.been_up, rig.state.last_error) == ("finished", True, None)
    assert (rig.count("source_up"), rig.count("source_failures_total")) == (0, 0)
    assert rig.upstream.acked == {"orders": {"": 1}}
    assert [record.message for record in caplog.records] == ["source is up", "source is finished"]
    assert not rig.upstream.lines


async def test_whatever_is_not_in_the_contract_leaves_run_and_the_connector_is_left() -> None:
    class Buggy(Orders):
        async def receive(self) -> Sequence[Message]:
            raise KeyError("topic")

    rig = Rig(connector=Buggy)
    with anyio.fail_after(30), pytest.raises(KeyError, match="topic"):
        await rig.supervisor.run()
    assert not rig.upstream.lines


async def test_cancelling_run_leaves_the_connector_within_its_time() -> None:
    left: list[str] = []

    class Slow(Orders):
        async def __aexit__(self, *exception: object) -> None:
            await anyio.lowlevel.checkpoint()  # a goodbye to the broker, for which there is time even now
            left.append("goodbye")
            await super().__aexit__(None, None, None)
            await anyio.sleep_forever()

    rig = Rig(connector=Slow, timing=Timing(leave=0.01))
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.supervisor.run)
            await rig.up()
            tasks.cancel_scope.cancel()
    assert left == ["goodbye"]
    assert not rig.upstream.lines


@pytest.mark.parametrize("moment", ["receiving", "resting", "connecting", "before"])
async def test_it_is_stopped_at_any_moment(moment: str) -> None:
    class Hangs(Orders):
        async def __aenter__(self) -> Self:
            await anyio.sleep_forever()
            return self

    rig = Rig(connector=Hangs if moment == "connecting" else None)
    rig.hold_rests()
    rig.upstream.refusing = "closed" if moment == "resting" else None
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            if moment == "before":
                tasks.start_soon(rig.supervisor.stop)
                await anyio.wait_all_tasks_blocked()
            tasks.start_soon(rig.supervisor.run)
            if moment != "before":
                await anyio.wait_all_tasks_blocked()
                await rig.supervisor.stop()
    assert rig.state.status == "stopped"
    assert not rig.upstream.lines
    await rig.supervisor.stop()


async def test_stopping_publishes_and_acknowledges_what_was_received() -> None:
    """The batch that is on its way into the log gets there; what comes after it stays with the upstream."""
    rig = Rig(buffer=100)
    rig.put(*[b"x"] * 500)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.supervisor.run)
            await rig.until(lambda: rig.log.published)
            assert rig.log.published < 500
            rig.put(b"late")
            await rig.supervisor.stop()
    assert rig.log.published == 500
    assert rig.upstream.acked == {"orders": {"": 500}}


async def test_a_quiet_upstream_is_asked_if_it_is_well() -> None:
    rig = Rig(timing=Timing(quiet=0.001))
    rig.hold_rests()
    async with running(rig):
        await rig.up()
        rig.put(b"1")
        await rig.until(lambda: rig.log.published)
        rig.upstream.unwell = "no leader"
        await rig.rested(1)
        assert (rig.state.status, rig.state.last_error) == ("down", "no leader")
        rig.upstream.unwell = None
        rig.resting.release()
        rig.put(b"2")
        await rig.published(2)
    assert rig.bodies() == [b"1", b"2"]


@pytest.mark.parametrize("act", ["__aenter__", "check", "ack"])
async def test_an_upstream_that_never_answers_is_unavailable(act: str) -> None:
    async def hang(*_: object) -> None:
        await anyio.sleep_forever()

    rig = Rig(connector=type("Hanging", (Orders,), {act: hang}), timing=Timing(enter=0.01, quiet=0.01, check=0.01))
    rig.put(b"1")
    async with running(rig):
        await rig.rested(1)
        assert rig.state.last_error is not None
        assert "0.01 s" in rig.state.last_error


async def test_an_error_without_a_text_is_told_by_its_name() -> None:
    class Silent(Orders):
        async def __aenter__(self) -> Self:
            raise SourceUnavailable

    rig = Rig(connector=Silent)
    async with running(rig):
        await rig.rested(1)
    assert rig.state.last_error == "SourceUnavailable"


async def test_a_batch_that_comes_as_the_quiet_time_ends_is_published() -> None:
    class Late(Orders):
        async def receive(self) -> Sequence[Message]:
            batch = await super().receive()
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.03)
            return batch

    rig = Rig(connector=Late, timing=Timing(quiet=0.01))
    rig.put(b"1", b"2")
    async with running(rig):
        await rig.published(2)
        rig.put(b"3")
        await rig.published(3)
    assert rig.bodies() == [b"1", b"2", b"3"]


def test_the_wait_is_anything_between_nothing_and_the_ceiling() -> None:
    chances = iter([0.0, 0.25, 1.0])
    backoff = Backoff(random=lambda: next(chances))
    assert [backoff.next(0) for _ in range(3)] == [0.0, 0.25, 2.0]


@given(st.lists(st.floats(0, 1e6)), st.integers())
def test_it_never_waits_longer_than_its_most(lasted: list[float], seed: int) -> None:
    backoff = Backoff(most=5, random=random.Random(seed).random)
    assert all(0 <= backoff.next(seconds) <= 5 for seconds in lasted)
