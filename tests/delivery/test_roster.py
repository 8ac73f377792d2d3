"""Who is connected, and what an operator is told about it."""

from __future__ import annotations

import pytest

from sse_gateway.sse.wire import NDJSON

from .stage import stage
from .wire import until

pytestmark = pytest.mark.anyio


async def test_clients_that_could_not_resume_are_told_of_a_reset_and_the_operator_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With 512 partitions an id is longer than what is read back."""
    async with stage() as scene:
        scene.hub.advance(scene.log, {f"p{number}": 10**6 for number in range(512)})
        first, second = await scene.open("a"), await scene.open("a")
        scene.publish("a", "1")
        await scene.fanout.flush()
        assert first.data() == second.data() == ["1"]

        again = await scene.open("a", id=first.events()[-1].id)

    assert [(event.type, event.data) for event in again.events()][1:] == [
        ("gateway.reset", '{"source":"s","reason":"malformed"}')
    ]
    (record,) = caplog.records
    assert (record.levelname, vars(record)["sources"], vars(record)["partitions"]) == ("WARNING", ["s"], 513)


async def test_the_two_formats_of_a_subscription_come_and_go_by_themselves() -> None:
    """Who leaves takes nobody of the other format with it, and the last one leaves nothing behind."""
    async with stage() as scene:
        events, lines = await scene.open("a"), await scene.open("a", format=NDJSON)
        events.leave()
        await until(lambda: scene.fanout.clients == 1)
        scene.publish("a", "1")
        await scene.fanout.flush()
        assert b'"data":"1"' in lines.body

        lines.leave()
        await until(lambda: scene.fanout.clients == 0)
        assert not scene.fanout.roster._groups
        assert not scene.hub.subscriptions
