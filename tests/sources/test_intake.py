"""What a source receives gets into the log in order and at a pace that the clients follow, and is acknowledged after
that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import anyio
import anyio.lowlevel
import pytest

from sse_gateway.config import BufferConfig
from sse_gateway.connector import Message
from sse_gateway.core import Bounds, Event, Hub
from sse_gateway.sources.intake import Pace, expire_logs
from sse_gateway.testing import MemoryUpstream

from .rig import Orders, Rig, running


async def test_what_the_upstream_has_is_published_and_acknowledged() -> None:
    rig = Rig()
    rig.put(b"1", b"2")
    async with running(rig):
        await rig.idle()
        assert rig.bodies() == [b"1", b"2"]
        rig.put(b"3", key="b")
        await rig.idle()
        assert rig.bodies() == [b"3"]
    assert rig.upstream.acked == {"orders": {"": 3}}
    assert rig.count("source_messages_total") == 3


async def test_an_event_has_the_channel_key_offset_and_time_of_its_message() -> None:
    rig = Rig(upstream=MemoryUpstream(["p0", "p1"]), options={"event": "{headers.type}"})
    rig.put(b"1", partition="p0", headers={"type": "x"})
    rig.put(b"2", partition="p1", headers={"type": "y"}, key="b", timestamp=1.0)
    async with running(rig):
        await rig.idle()
    events = [item for item in rig.take() if not isinstance(item, str)]
    assert [(e.channel, e.key, e.type, e.offset, e.part, e.time) for e in events] == [
        ("a", "a", "x", 0, "p0", 5000.0),
        ("b", "b", "y", 0, "p1", 5000.0),
    ]


async def test_it_acknowledges_only_what_is_in_the_log() -> None:
    """The acknowledgement of a batch comes after its last event was published, also where publishing has to wait."""
    acked_at: list[int] = []

    class Watched(Orders):
        async def ack(self, message: Message) -> None:
            acked_at.append(rig.log.published)
            await super().ack(message)

    rig = Rig(connector=Watched)
    rig.put(*[b"x"] * 500)
    rig.put(*[b"y"] * 20)
    async with running(rig):
        await rig.until(lambda: len(acked_at) == 2)
    assert acked_at == [500, 520]


async def test_it_never_outruns_the_flush() -> None:
    """500 messages come in one batch; with a client_buffer of 100 events at most 25 are ever unflushed."""
    rig = Rig(buffer=100)
    rig.put(*[b"x"] * 500)
    async with running(rig):
        await rig.published(500)
    assert rig.unflushed == [25] * 20


async def test_others_run_during_a_long_batch() -> None:
    """Nobody reads the channel, so there is nothing to flush; still the loop is free after every 256 messages."""
    rig = Rig()
    seen: set[int] = set()
    rig.put(*[b"x"] * 500, key="unread")

    async def watch() -> None:
        while rig.log.published < 500:
            seen.add(rig.log.published)
            await anyio.lowlevel.checkpoint()

    async with running(rig), anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
    assert 256 in seen


async def test_positions_that_move_without_a_message_move_the_log() -> None:
    rig = Rig()
    rig.put(b"1")
    async with running(rig):
        await rig.idle()
        rig.upstream.skip(5)
        await rig.idle()
        assert rig.log.offsets() == {"": 6}
        assert rig.upstream.acked == {"orders": {"": 1}}


async def test_what_cannot_become_an_event_is_rejected_before_the_acknowledgement_that_covers_it() -> None:
    """By a connector that can tell its upstream; the messages beside it are published and acknowledged as ever."""
    told: list[str] = []

    class Telling(Orders):
        async def reject(self, message: Message) -> None:
            told.append(f"rejected {message.offset}")

        async def ack(self, message: Message) -> None:
            told.append(f"acknowledged {message.offset}")
            await super().ack(message)

    rig = Rig(connector=Telling, options={"max_event": "10B"})
    rig.put(b"1", b"far too long for it", b"this one as well", b"4")
    async with running(rig):
        await rig.idle()
    assert rig.bodies() == [b"1", b"4"]
    assert told == ["rejected 1", "rejected 2", "acknowledged 3"]


async def test_an_unmappable_message_is_counted_told_once_acknowledged_and_passed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = Rig(options={"max_event": "10B"})
    rig.put(b"1")
    rig.put(b"bad", b"worse", key="no/such/channel")
    rig.put(b"far too long for it", b"2")
    async with running(rig):
        await rig.idle()
        assert rig.bodies() == [b"1", b"2"]
        assert rig.upstream.acked == {"orders": {"": 5}}
    assert rig.count("source_unmappable_total", reason="channel") == 2
    assert rig.count("source_unmappable_total", reason="size") == 1
    told = [vars(record) for record in caplog.records if "cannot be mapped" in record.message]
    assert [(line["reason"], line["offset"], line["source"]) for line in told] == [
        ("channel", 1, "orders"),
        ("size", 3, "orders"),
    ]
    assert "such" not in caplog.text


async def test_what_can_go_wrong_with_a_message_is_counted_from_0_on() -> None:
    rig = Rig()

    samples = {"source": "orders", "reason": "field"}
    assert rig.metrics.registry.get_sample_value("sse_gateway_source_unmappable_total", samples) == 0


async def test_substituted_data_is_counted_and_published() -> None:
    rig = Rig(options={"on_invalid": "replace"})
    rig.put(b"\xff")
    async with running(rig):
        await rig.idle()
        assert rig.bodies() == ["\ufffd".encode()]
    assert rig.count("source_unmappable_total", reason="substituted") == 1


async def test_a_source_that_never_waits_does_not_hold_the_loop() -> None:
    """Positions may move without a message and without an end; the test comes to its next line all the same."""

    class Restless(Orders):
        turns = 0

        async def receive(self) -> Sequence[Message]:
            self.turns += 1
            return []

        def positions(self) -> Mapping[str, int]:
            return {"": self.turns}

    rig = Rig(connector=Restless)
    async with running(rig):
        await rig.until(lambda: rig.log.offsets().get("", 0) > 1000)
    assert rig.upstream.acked == {"orders": {"": 0}}


async def test_events_leave_the_log_when_they_reach_their_age() -> None:
    rig, now = Rig(options={"log": {"max_age": "10s"}}), 100.0
    rig.hub.begin(rig.log, "", {})
    rig.hub.publish(rig.log, Event("a", b"1"), now=95.0)
    rig.hub.publish(rig.log, Event("a", b"2"), now=96.0)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(expire_logs, rig.hub, clock=lambda: now))
            await rig.idle()
            assert rig.log.evicted == {}
            now = 105.5
            await rig.until(lambda: rig.log.evicted == {"expired": 1})
            tasks.cancel_scope.cancel()


class Flush:
    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.rounds = 0

    async def flushed(self) -> None:
        self.rounds += 1
        self.hub.changed()


def pace(
    *, events: int = 10_000, size: int = 1 << 24, buffer: tuple[int, int] = (10_000, 1 << 24)
) -> tuple[Pace, Hub, Flush]:
    hub = Hub(process="p")
    log = hub.add("orders", Bounds(events, size, 600.0), lambda channel: True)
    hub.begin(log, "", {})
    hub.subscribe(["a"])
    flush = Flush(hub)
    config = BufferConfig.model_validate({"events": buffer[0], "bytes": f"{buffer[1]}B"})
    return Pace(hub, log.bounds, config, flushed=flush.flushed), hub, flush


def publish(hub: Hub, channel: str, size: int) -> None:
    hub.publish(hub.logs[0], Event(channel, b"x" * (size - 16)), now=0.0)


async def waits(pacer: Pace, size: int, count: int) -> list[int]:
    """After which of `count` messages it waits."""
    found = []
    for number in range(1, count + 1):
        if pacer.count(size):
            found.append(number)
            await pacer.wait()
    return found


@pytest.mark.parametrize(("size", "turns"), [(100, [256, 512]), (65_536, [*range(4, 601, 4)])])
async def test_a_turn_has_256_messages_or_kibibytes(size: int, turns: list[int]) -> None:
    pacer, _, flush = pace()
    assert await waits(pacer, size, 600) == turns
    assert flush.rounds == 0


@pytest.mark.parametrize(
    ("limits", "size", "most"),
    [
        ({"events": 400}, 100, 100),
        ({"buffer": (80, 1 << 24)}, 100, 20),
        ({"size": 4000}, 100, 10),
        ({"buffer": (10_000, 2000)}, 100, 5),
        ({"buffer": (1, 1)}, 100, 1),
    ],
)
async def test_it_waits_for_a_flush_at_a_quarter_of_any_bound(limits: dict[str, object], size: int, most: int) -> None:
    pacer, hub, flush = pace(**limits)  # type: ignore[arg-type]
    found = []
    for number in range(1, 2 * most + 1):
        publish(hub, "a", size)
        found += [number] if await waits(pacer, size, 1) else []
    assert found == [most, 2 * most]
    assert flush.rounds == 2


async def test_channels_that_nobody_reads_need_no_flush() -> None:
    pacer, hub, flush = pace(events=400)
    for _ in range(250):
        publish(hub, "unread", 100)
        assert not pacer.count(100)
    assert flush.rounds == 0
