"""A cursor over channels: what it takes, in which order, under which ids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sse_gateway.core import UNREADABLE, Bounds, Cursor, Entry, Hub, Reset
from sse_gateway.core.event import OVERHEAD
from sse_gateway.core.ids import MAX_LENGTH
from sse_gateway.errors import MalformedCursor

from .source import EVERYTHING, Source, read


def test_it_takes_up_to_the_limit_of_bytes() -> None:
    """docs/architecture.md, rule 16."""
    hub = Hub()
    source = Source(hub)
    reader = hub.subscribe(["a"])
    events = [source.publish("a") for _ in range(5)]

    assert reader.take(2 * OVERHEAD, hub.position).events == events[:2]
    assert reader.take(3 * OVERHEAD - 1, hub.position).events == events[2:4]
    assert reader.take(3 * OVERHEAD, hub.position).events == events[4:]


def test_what_was_published_later_than_a_round_waits_for_the_next() -> None:
    """docs/architecture.md, rule 18."""
    hub = Hub()
    source = Source(hub)
    reader = hub.subscribe(["a", "b"])
    first, upto = source.publish("a"), hub.position
    later = [source.publish(channel) for channel in "ab"]

    assert reader.take(EVERYTHING, upto).events == [first]
    assert reader.position == upto
    assert reader.take(EVERYTHING, hub.position).events == later


def test_a_loss_is_told_before_what_follows_it_and_after_what_does_not() -> None:
    hub = Hub()
    source = Source(hub)
    reader = hub.subscribe(["a"])
    first = source.publish("a")
    hub.lose(source.log, "upstream", {"0": 4})
    last = source.publish("a")

    assert reader.take(EVERYTHING, hub.position).events == [first]
    assert reader.id == "1.8xshon_0-1"
    assert reader.take(EVERYTHING, hub.position).lost
    assert reader.id == "1.8xshon_0-4"
    assert reader.take(EVERYTHING, hub.position).events == [last]


def test_a_gap_leads_to_an_id_beyond_it() -> None:
    """Whoever is cut off after it is not told again (docs/architecture.md, rule 4)."""
    hub = Hub()
    source = Source(hub, at={"0": 0, "1": 0}, bounds=Bounds(1, 1_000_000, 1000.0))
    reader = hub.subscribe(["a"])
    for _ in range(3):
        source.publish("a")
    assert reader.take(EVERYTHING, hub.position).lost

    assert reader.id == "1.8xshon_0-2_1-0"
    assert hub.subscribe(["a"], Cursor.parse(reader.id)).resumed


def test_the_events_of_other_channels_and_sources_are_in_the_id() -> None:
    """So that a cursor passes them (docs/architecture.md, rule 3)."""
    hub = Hub()
    orders, audit = Source(hub, "orders"), Source(hub, "audit")
    reader = hub.subscribe(["a"])
    for source, channel in ((orders, "b"), (audit, "c"), (orders, "a")):
        source.publish(channel)
    (event,) = reader.take(EVERYTHING, hub.position).events

    assert reader.id_of(event) == "1.6oldmo_0-1.8xshon_0-2"


def test_an_id_that_could_not_be_read_back_is_replaced_by_one_that_is_told_of() -> None:
    """It was sent, came back and was refused as malformed, if a proxy let it through."""
    hub = Hub()
    source = Source(hub, at={f"p{number}": 10**6 for number in range(512)})
    reader = hub.subscribe(["a"])
    event = source.publish("a", part="p0", offset=10**6)

    assert len(source.log.text(source.log.vector)) > MAX_LENGTH
    assert reader.id == reader.id_of(event) == UNREADABLE
    with pytest.raises(MalformedCursor):
        Cursor.parse(UNREADABLE)


class _Watched(list[Entry]):
    """A list that counts how often it is looked into."""

    looks = 0

    def __getitem__(self, index: Any) -> Any:
        self.looks += 1
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[Entry]:
        for event in super().__iter__():
            self.looks += 1
            yield event


def test_reading_one_event_costs_the_same_however_many_are_held_before_it() -> None:
    hub = Hub()
    source = Source(hub, bounds=Bounds(10_000, 1_000_000, 1000.0))
    for _ in range(9_999):
        source.publish("a")
    reader = hub.subscribe(["a"])
    event = source.publish("a")
    view = source.log.views["a"]
    view.entries = watched = _Watched(view.entries)

    assert reader.take(EVERYTHING, hub.position).events == [event]
    assert watched.looks < 50


def test_lag_is_what_is_held_above_the_position() -> None:
    hub = Hub()
    source = Source(hub, bounds=Bounds(4, 1_000_000, 1000.0))
    reader = hub.subscribe(["a", "b"])
    assert reader.lag() == (0, 0)
    for channel in "aabcab":
        source.publish(channel)
    assert reader.lag() == (3, 3 * OVERHEAD)
    read(reader, hub)

    assert reader.lag() == (0, 0)


def test_a_fork_stands_at_the_same_place_and_goes_its_own_way() -> None:
    hub = Hub()
    source = Source(hub, bounds=Bounds(1, 1_000_000, 1000.0))
    plain = hub.subscribe(["a"])
    filtered = hub.subscribe(["a"], Cursor.parse("1.8xshon_0-1"))
    forks = [plain.fork(), filtered.fork()]
    assert [fork.id for fork in forks] == [plain.id, filtered.id]
    for _ in range(3):
        source.publish("a")
    for reader in (plain, filtered):
        read(reader, hub)

    assert [fork.id for fork in forks] == ["1.8xshon_0-0", "1.8xshon_0-1"]
    assert [len(read(fork, hub)) for fork in forks] == [2, 2]
    filtered.move_to(plain.position)
    assert (filtered.id, filtered.shares_ids) == (plain.id, True)


def test_until_a_new_epoch_is_told_the_id_stays_in_the_one_before() -> None:
    """Or a reader that is cut off, or sent away, before it is told would come back into the new one and never know."""
    hub = Hub()
    orders, audit = Source(hub, "orders"), Source(hub, "audit")
    reader = hub.subscribe(["a"])
    audit.publish("a")
    orders.publish("a")
    hub.begin(orders.log, "e2", {"0": 0})
    assert reader.id == "1.6oldmo_0-0.8xshon_0-0"
    assert hub.subscribe(["a"], Cursor.parse(reader.id)).notices == (Reset("orders", "epoch"),)
    assert reader.take(EVERYTHING, hub.position).lost

    assert reader.id == f"1.6oldmo_0-0{orders.log.text(orders.log.vector)}"
