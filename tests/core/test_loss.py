"""What a reader has lost is told once, when it would have been next, and nothing else is."""

from __future__ import annotations

import pytest

from sse_gateway.core import Bounds, Cursor, Gap, Hub
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
