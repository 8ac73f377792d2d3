"""`ReplayableContract` finds what a replay can do wrong: each connector here does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import pytest

from sse_gateway.connector import Connector, Message, OffsetExpired
from sse_gateway.testing import MemoryConnector, ReplayableContract

from .hooks import MemoryHooks

pytestmark = pytest.mark.anyio

Offsets = Mapping[str, int]


class StartsLate(MemoryConnector):
    def replay(self, start: Offsets, stop: Offsets | None = None) -> Connector[Any]:
        return super().replay({name: offset + 1 for name, offset in start.items()}, stop)


class StartsEarly(MemoryConnector):
    def replay(self, start: Offsets, stop: Offsets | None = None) -> Connector[Any]:
        return super().replay({name: max(offset - 1, 0) for name, offset in start.items()}, stop)


class StopsLate(MemoryConnector):
    def replay(self, start: Offsets, stop: Offsets | None = None) -> Connector[Any]:
        return super().replay(start, stop and {name: offset + 1 for name, offset in stop.items()})


class StartsAtTheEnd(MemoryConnector):
    def replay(self, start: Offsets, stop: Offsets | None = None) -> Connector[Any]:
        ends = {name: end for name, (_, end) in self.upstream.bounds().items()}
        return super().replay({**ends, **start}, stop)


class NeverStops(MemoryConnector):
    def replay(self, start: Offsets, stop: Offsets | None = None) -> Connector[Any]:
        return super().replay(start)


class BoundsFallShort(MemoryConnector):
    async def bounds(self) -> Mapping[str, tuple[int, int]]:
        return {name: (floor, max(end - 1, floor)) for name, (floor, end) in (await super().bounds()).items()}


class _OtherEpoch(MemoryConnector):
    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.epoch = "replay"
        return self


class ReplaysInAnotherEpoch(MemoryConnector):
    def replay(self, start: Offsets, stop: Offsets | None = None) -> Connector[Any]:
        return _OtherEpoch(self.config, name=self.name, upstream=self.upstream, start=start, stop=stop)


class TakesTheTailsLine(MemoryConnector):
    def replay(self, start: Offsets, stop: Offsets | None = None) -> Connector[Any]:
        self.upstream.cut()
        return super().replay(start, stop)


class StartsWhereItCan(MemoryConnector):
    def replay(self, start: Offsets, stop: Offsets | None = None) -> Connector[Any]:
        return super().replay(
            {name: max(start.get(name, 0), floor) for name, (floor, _) in self.upstream.bounds().items()}
        )


class _Expires(MemoryConnector):
    async def receive(self) -> Sequence[Message]:
        raise OffsetExpired({})


class DoesNotSayWhereItBegins(MemoryConnector):
    def replay(self, start: Offsets, stop: Offsets | None = None) -> Connector[Any]:
        return _Expires(self.config, name=self.name, upstream=self.upstream)


class FindsTimesTooLate(MemoryConnector):
    async def offsets_at(self, timestamp: float) -> Offsets:
        found = await super().offsets_at(timestamp)
        return found if timestamp in (0, 4_102_444_800) else {name: offset + 5 for name, offset in found.items()}


BROKEN: list[tuple[type[MemoryConnector], str]] = [
    (StartsLate, "a_replay_begins_and_stops_exactly"),
    (StartsLate, "a_replay_from_where_a_tail_stood_misses_and_repeats_nothing"),
    (StartsEarly, "a_replay_begins_and_stops_exactly"),
    (StartsEarly, "a_replay_from_where_a_tail_stood_misses_and_repeats_nothing"),
    (StopsLate, "a_replay_begins_and_stops_exactly"),
    (StartsAtTheEnd, "a_replay_from_the_start_has_everything"),
    (NeverStops, "a_replay_of_nothing_ends_at_once"),
    (BoundsFallShort, "bounds_lie_around_the_history"),
    (ReplaysInAnotherEpoch, "a_replay_is_of_the_same_epoch"),
    (TakesTheTailsLine, "a_replay_and_a_tail_do_not_disturb_each_other"),
    (StartsWhereItCan, "what_was_dropped_is_expired"),
    (DoesNotSayWhereItBegins, "what_was_dropped_is_expired"),
    (FindsTimesTooLate, "times_are_found"),
]


class Suite(MemoryHooks, ReplayableContract):
    patience = 0.3


@pytest.mark.parametrize(("kind", "test"), BROKEN, ids=lambda value: getattr(value, "__name__", value))
async def test_a_broken_replay_fails(kind: type[MemoryConnector], test: str) -> None:
    suite = Suite()
    suite.kind = kind
    suite.open()
    with pytest.raises((Exception, pytest.fail.Exception)):
        await getattr(suite, f"test_{test}")()


def test_every_test_of_the_suite_fails_for_some_broken_replay() -> None:
    tests = {name.removeprefix("test_") for name in vars(ReplayableContract) if name.startswith("test_")}
    assert tests == {test for _, test in BROKEN}


class Bare(ReplayableContract):
    connector = MemoryHooks.connector
    knows_times = False


@pytest.mark.parametrize(
    ("test", "reason"),
    [("what_was_dropped_is_expired", "trim() is not written"), ("times_are_found", "knows_times is False")],
)
async def test_what_the_author_cannot_do_is_skipped_with_the_reason(test: str, reason: str) -> None:
    with pytest.raises(pytest.skip.Exception) as skipped:
        await getattr(Bare(), f"test_{test}")()
    assert reason in str(skipped.value)


async def test_the_hook_for_trimming_says_so_when_it_is_missing() -> None:
    with pytest.raises(NotImplementedError):
        await ReplayableContract().trim()
