"""One channel in one log: what it holds and what it has lost."""

from __future__ import annotations

from sse_gateway.core import Bounds, Hub

from .source import WIDE, Source


def test_a_view_knows_the_seq_and_the_offsets_after_what_it_lost() -> None:
    """Rule 7."""
    hub = Hub()
    source = Source(hub, at={"0": 0, "1": 0}, bounds=Bounds(1, 1000, 1000.0))
    for part, offset in (("0", 5), ("1", 7), ("0", 9)):
        source.publish("a", offset, part=part)
    view = source.log.views["a"]

    assert (view.evicted, view.lost, view.reason) == (2, {"0": 6, "1": 8}, "evicted")


def test_the_floor_is_the_highest_of_what_was_lost_forgotten_or_before_the_beginning() -> None:
    """Rule 7."""
    hub = Hub()
    source = Source(hub, at={"0": 3, "1": 3, "2": 3}, bounds=Bounds(1, 1000, 1000.0))
    source.publish("b", 5)
    for channel, offset in (("b", 6), ("c", 7), ("a", 8), ("a", 9)):
        source.publish(channel, offset, part="1")

    assert source.log.views["a"].base == (6, 7, 0)
    assert source.log.views["a"].floor() == {"0": 6, "1": 9, "2": 3}


def test_find_is_the_first_event_at_or_after_a_seq() -> None:
    hub = Hub()
    source = Source(hub)
    for channel in "abaab":
        source.publish(channel)
    view = source.log.views["a"]

    assert [view.find(seq) for seq in range(6)] == [0, 1, 1, 2, 3, 3]


def test_find_passes_over_events_that_are_evicted_but_not_yet_out_of_the_list() -> None:
    hub = Hub()
    source = Source(hub, bounds=Bounds(100, 100_000, 1000.0))
    for _ in range(101):
        source.publish("a")
    view = source.log.views["a"]

    assert view.head == 1
    assert view.find(0) == 1


def test_a_view_holds_hardly_more_events_than_the_log() -> None:
    """The bounds of a log bound its memory: of what a view's list holds, one in sixteen is evicted."""
    hub = Hub()
    source = Source(hub, bounds=Bounds(1000, 1_000_000, 1000.0))
    view = source.log.view("a")
    most = 0
    for _ in range(5000):
        source.publish("a")
        most = max(most, len(view.entries))

    assert len(view.entries) - view.head == len(source.log.entries) == 1000
    assert most <= 1000 * 16 / 15


def test_a_view_that_lost_its_last_event_holds_none() -> None:
    hub = Hub()
    source = Source(hub)
    hub.subscribe(["a"])
    source.publish("a")
    hub.expire(WIDE.max_age + 1)

    assert source.log.views["a"].entries == []
    assert source.log.views["a"].head == 0
