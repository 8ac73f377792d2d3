"""A source lets others run after a turn, and waits for a flush before it gets ahead of the clients."""

from __future__ import annotations

import pytest

from sse_gateway.config import BufferConfig
from sse_gateway.core import Bounds, Event, Hub
from sse_gateway.sources.intake import Pace


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
