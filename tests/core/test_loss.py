"""What a reader has lost is told once, when it would have been next, and nothing else is."""

from __future__ import annotations

import pytest

from sse_gateway.core import Bounds, Cursor, Gap, Hub, Reset
from sse_gateway.core import log as log_module

from .source import Source, read

TWO = Bounds(2, 1_000_000, 1000.0)


def test_what_was_evicted_before_it_was_read_is_a_gap() -> None:
    """A live reader's loss is certain (docs/architecture.md, rule 7)."""
    hub = Hub()
    source = Source(hub, bounds=TWO)
    reader = hub.subscribe(["a"])
    events = [source.publish("a") for _ in range(5)]

    assert read(reader, hub) == [Gap("a", "orders", "evicted", True, {"0": 0}, {"0": 3}), *events[3:]]


def test_what_grew_too_old_before_it_was_read_has_expired() -> None:
    hub = Hub()
    source = Source(hub)
    reader = hub.subscribe(["a"])
    source.publish("a")
    hub.expire(2000.0)

    assert read(reader, hub) == [Gap("a", "orders", "expired", True, {"0": 0}, {"0": 1})]


def test_what_was_read_before_it_was_evicted_is_none() -> None:
    hub = Hub()
    source = Source(hub, bounds=TWO)
    reader = hub.subscribe(["a"])
    for _ in range(5):
        source.publish("a")
        assert len(read(reader, hub)) == 1


def test_a_quiet_channel_has_no_gap_however_much_its_source_evicts() -> None:
    """docs/architecture.md, rule 7."""
    hub = Hub()
    source = Source(hub, bounds=TWO)
    reader = hub.subscribe(["a"])
    first = source.publish("a")
    read(reader, hub)
    for _ in range(5):
        source.publish("b")
    last = source.publish("a")

    assert read(reader, hub) == [last]
    assert first.seq < last.seq


def test_only_the_channel_that_lost_something_has_a_gap() -> None:
    hub = Hub()
    source = Source(hub, bounds=Bounds(3, 1_000_000, 1000.0))
    reader = hub.subscribe(["a", "b"])
    source.publish("a")
    rest = [source.publish("b") for _ in range(3)]

    assert read(reader, hub) == [Gap("a", "orders", "evicted", True, {"0": 0}, {"0": 1}), *rest]


def test_a_gap_names_only_partitions_that_lost_something() -> None:
    hub = Hub()
    source = Source(hub, at={"0": 0, "1": 3}, bounds=TWO)
    reader = hub.subscribe(["a"])
    for part in "1011":
        source.publish("a", part=part)

    assert read(reader, hub)[0] == Gap("a", "orders", "evicted", True, {"0": 0, "1": 3}, {"0": 1, "1": 4})


def test_below_what_its_channel_lost_a_returning_reader_certainly_misses_something() -> None:
    """As long as somebody keeps the view (docs/architecture.md, rule 7)."""
    hub = Hub()
    source = Source(hub, bounds=TWO)
    id = hub.subscribe(["a"]).id
    for _ in range(5):
        source.publish("a")
    notices = hub.subscribe(["a"], Cursor.parse(id)).notices

    assert notices == (Gap("a", "orders", "evicted", True, {"0": 0}, {"0": 3}),)


def test_below_what_the_log_forgot_it_perhaps_does() -> None:
    """The view had gone, and nobody knows what it held (docs/architecture.md, rule 7)."""
    hub = Hub()
    source = Source(hub, bounds=TWO)
    reader = hub.subscribe(["a"])
    hub.unsubscribe(reader)
    for channel in "bbcc":
        source.publish(channel)
    notices = hub.subscribe(["a"], Cursor.parse(reader.id)).notices

    assert notices == (Gap("a", "orders", "evicted", False, {"0": 0}, {"0": 2}),)


def test_below_where_the_log_began_it_perhaps_does() -> None:
    """docs/architecture.md, rule 7."""
    hub = Hub()
    Source(hub, at={"0": 50, "1": 5})
    notices = hub.subscribe(["a"], Cursor.parse("1.8xshon_0-4_1-5")).notices

    assert notices == (Gap("a", "orders", "upstream", False, {"0": 4}, {"0": 50}),)


def test_events_below_what_is_wanted_never_make_a_gap() -> None:
    """Neither at the resume nor when they are evicted later (docs/architecture.md, rule 7)."""
    hub = Hub()
    source = Source(hub, bounds=TWO)
    events = [source.publish("a") for _ in range(4)]
    reader = hub.subscribe(["a"], Cursor.parse("1.8xshon_0-3"))
    assert reader.resumed
    source.publish("b")

    assert read(reader, hub) == [events[3]]


def test_a_returning_reader_of_a_quiet_channel_has_no_gap() -> None:
    """The events of others are in its id (docs/architecture.md, rule 7)."""
    hub = Hub()
    source = Source(hub, bounds=TWO)
    keeper = hub.subscribe(["a"])
    source.publish("a")
    for _ in range(5):
        source.publish("b")
    read(keeper, hub)

    assert hub.subscribe(["a"], Cursor.parse(keeper.id)).resumed


def test_a_loss_upstream_is_told_between_the_events_where_it_happened() -> None:
    """To every channel of that source, and to no other (docs/architecture.md, rule 8)."""
    hub = Hub()
    orders, audit = Source(hub, "orders", channels="ab"), Source(hub, "audit", channels="bc")
    reader = hub.subscribe(["a", "b", "c"])
    first = orders.publish("a"), audit.publish("c")
    hub.lose(orders.log, "trimmed", {"0": 9})
    last = audit.publish("c"), orders.publish("b")

    gaps = [Gap(channel, "orders", "trimmed", False, {"0": 1}, {"0": 9}) for channel in "ab"]
    assert read(reader, hub) == [*first, *gaps, *last]


def test_a_loss_upstream_is_told_to_a_reader_that_comes_back() -> None:
    """docs/architecture.md, rule 8."""
    hub = Hub()
    source = Source(hub)
    id = hub.subscribe(["a"]).id
    source.publish("a")
    hub.lose(source.log, "upstream", {"0": 9})
    reader = hub.subscribe(["a"], Cursor.parse(id))

    assert (reader.resumed, reader.notices) == (False, ())
    assert read(reader, hub)[1:] == [Gap("a", "orders", "upstream", False, {"0": 1}, {"0": 9})]


def test_a_loss_upstream_is_not_told_to_one_that_was_beyond_it() -> None:
    hub = Hub()
    source = Source(hub)
    hub.lose(source.log, "upstream", {"0": 9})
    reader = hub.subscribe(["a"], Cursor.parse("1.8xshon_0-9"))

    assert reader.resumed
    assert read(reader, hub) == []


def test_a_loss_upstream_below_a_gap_is_told_with_it_to_the_other_channels() -> None:
    """Or the filter that the gap leaves would hide it (docs/architecture.md, rule 8)."""
    hub = Hub()
    source = Source(hub, bounds=Bounds(1, 1_000_000, 1000.0))
    reader = hub.subscribe(["a", "b"])
    source.publish("a")
    hub.lose(source.log, "upstream", {"0": 3})
    source.publish("a")
    last = source.publish("a")

    assert read(reader, hub) == [
        Gap("a", "orders", "evicted", True, {"0": 0}, {"0": 4}),
        Gap("a", "orders", "upstream", False, {"0": 0}, {"0": 3}),
        Gap("b", "orders", "upstream", False, {"0": 0}, {"0": 3}),
        last,
    ]


def test_of_a_loss_in_two_partitions_each_is_told_in_its_turn() -> None:
    hub = Hub()
    source = Source(hub, at={"0": 0, "1": 0}, bounds=Bounds(1, 1_000_000, 1000.0))
    reader = hub.subscribe(["a"])
    hub.lose(source.log, "upstream", {"0": 3, "1": 5})
    source.publish("a")
    last = source.publish("a")

    assert read(reader, hub) == [
        Gap("a", "orders", "evicted", True, {"0": 0}, {"0": 4}),
        Gap("a", "orders", "upstream", False, {"0": 0}, {"0": 3}),
        Gap("a", "orders", "upstream", False, {"1": 0}, {"1": 5}),
        last,
    ]


def test_a_loss_that_was_forgotten_is_told_with_all_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log remembers so many losses only. The channel that had nothing evicted may have lost something too (docs/architecture.md, rule 8)."""
    monkeypatch.setattr(log_module, "_MAX_BREAKS", 1)
    hub = Hub()
    source = Source(hub)
    behind, between = hub.subscribe(["a", "b"]), hub.subscribe(["a", "b"])
    source.publish("a")
    hub.lose(source.log, "upstream", {"0": 10})
    read(between, hub)
    last = source.publish("a")
    hub.lose(source.log, "upstream", {"0": 20})
    rest = [last, *(Gap(channel, "orders", "upstream", False, {"0": 11}, {"0": 20}) for channel in "ab")]

    assert read(between, hub) == rest
    assert read(behind, hub) == [
        Gap("a", "orders", "evicted", True, {"0": 0}, {"0": 10}),
        Gap("b", "orders", "evicted", False, {"0": 0}, {"0": 10}),
        *rest,
    ]


def test_a_loss_that_was_forgotten_is_told_to_a_reader_that_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether or not somebody kept its channel (docs/architecture.md, rule 8)."""
    monkeypatch.setattr(log_module, "_MAX_BREAKS", 1)
    hub = Hub()
    source = Source(hub)
    id = hub.subscribe(["b"]).id
    for offset in (10, 20):
        hub.lose(source.log, "upstream", {"0": offset})
    gaps = [Gap(channel, "orders", "evicted", False, {"0": 0}, {"0": 10}) for channel in "bc"]

    assert hub.subscribe(["b", "c"], Cursor.parse(id)).notices == tuple(gaps)


def test_a_new_epoch_that_was_forgotten_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "_MAX_BREAKS", 1)
    hub = Hub()
    source = Source(hub)
    behind, between = hub.subscribe(["a"]), hub.subscribe(["a"])
    hub.begin(source.log, "e2", {"0": 0})
    assert read(between, hub) == [Reset("orders", "epoch")]
    hub.lose(source.log, "upstream", {"0": 4})
    loss = Gap("a", "orders", "upstream", False, {"0": 0}, {"0": 4})

    assert read(between, hub) == [loss]
    assert read(behind, hub) == [Reset("orders", "epoch"), loss]
