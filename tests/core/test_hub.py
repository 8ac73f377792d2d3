"""The hub: publish, begin, lose, subscribe, and who is woken."""

from __future__ import annotations

from sse_gateway.core import Bounds, Event, Hub, Reset
from sse_gateway.core.event import OVERHEAD

from .source import WIDE, Source, read


def test_events_are_counted_over_all_sources() -> None:
    """The seq is the hub's own (docs/architecture.md, rule 1)."""
    hub = Hub()
    orders, audit = Source(hub, "orders"), Source(hub, "audit")

    assert [orders.publish("a").seq, audit.publish("a").seq, orders.publish("b").seq] == [0, 1, 2]
    assert hub.position == (3, (orders.log.vector, audit.log.vector))


def test_without_offsets_the_gateway_counts() -> None:
    """The epoch is then the process (docs/architecture.md, rule 13)."""
    hub = Hub(process="p")
    hooks = Source(hub, "hooks", epoch="")

    assert [hooks.publish("a").offset, hooks.publish("b").offset] == [0, 1]
    assert hooks.log.epoch == "p"


def test_positions_only_go_forward() -> None:
    """docs/architecture.md, rule 11."""
    hub = Hub()
    source = Source(hub, at={"0": 5, "1": 5})
    hub.advance(source.log, {"0": 4, "1": 6, "2": 1})

    assert source.log.offsets() == {"0": 5, "1": 6, "2": 1}
    assert hub.at == (source.log.vector,)


def test_a_move_without_a_message_is_in_the_next_id() -> None:
    """docs/architecture.md, rule 5."""
    hub = Hub()
    source = Source(hub)
    before = hub.subscribe(["a"]).id
    hub.advance(source.log, {"0": 3})

    assert (before, hub.subscribe(["a"]).id) == ("1.8xshon_0-0", "1.8xshon_0-3")


def test_an_epoch_that_comes_back_is_another_history_too() -> None:
    hub = Hub()
    source = Source(hub)
    reader = hub.subscribe(["a"])
    source.publish("a")
    hub.begin(source.log, "e2", {"0": 0})
    hub.begin(source.log, "e1", {"0": 9})

    assert read(reader, hub) == [Reset("orders", "epoch")]


def test_a_loss_that_moves_nothing_loses_nothing() -> None:
    hub = Hub()
    source = Source(hub, at={"0": 5})
    reader = hub.subscribe(["a"])
    hub.lose(source.log, "expired", {"0": 5})

    assert read(reader, hub) == []


def test_only_channels_with_readers_wake() -> None:
    """docs/architecture.md, rule 16."""
    woken: list[int] = []
    hub = Hub(wake=lambda: woken.append(hub.seq))
    source = Source(hub)
    hub.subscribe(["a"])
    source.publish("b")
    assert woken == []
    source.publish("a")
    source.publish("a")

    assert woken == [2]


def test_it_wakes_once_until_the_changes_are_fetched() -> None:
    """docs/architecture.md, rule 16."""
    woken: list[int] = []
    hub = Hub(wake=lambda: woken.append(hub.seq))
    source = Source(hub)
    hub.subscribe(["a"])
    hub.subscribe(["b"])
    for channel in "aba":
        source.publish(channel)
    assert [each.channels for each in hub.changed()] == [("a",), ("b",)]
    assert hub.changed() == []
    source.publish("a")

    assert woken == [1, 4]
    assert [each.channels for each in hub.changed()] == [("a",)]


def test_a_loss_wakes_all_readers_of_its_source() -> None:
    hub = Hub()
    orders, audit = Source(hub, "orders", channels="ab"), Source(hub, "audit", channels="c")
    for channel in "ac":
        hub.subscribe([channel])
    orders.publish("b")
    hub.lose(orders.log, "upstream", {"0": 5})
    assert [each.channels for each in hub.changed()] == [("a",)]
    hub.begin(audit.log, "e2", {})

    assert [each.channels for each in hub.changed()] == [("c",)]


def test_what_is_published_to_readers_counts_as_unflushed_until_the_changes_are_fetched() -> None:
    """docs/architecture.md, rule 17."""
    hub = Hub()
    source = Source(hub)
    hub.subscribe(["a"])
    for channel in "aab":
        source.publish(channel)
    assert (hub.unflushed_events, hub.unflushed_bytes) == (2, 2 * OVERHEAD)
    hub.changed()

    assert (hub.unflushed_events, hub.unflushed_bytes) == (0, 0)


def test_a_subscription_goes_with_its_last_reader() -> None:
    hub = Hub()
    source = Source(hub)
    first, second, other = hub.subscribe(["a"]), hub.subscribe(["a"]), hub.subscribe(["a", "b"])
    for reader in (first, other):
        hub.unsubscribe(reader)
    assert list(source.log.views) == ["a"]
    hub.unsubscribe(second)

    assert (hub.subscriptions, source.log.views) == ({}, {})


def test_a_channel_is_read_from_every_source_that_can_produce_it_also_before_it_has() -> None:
    """By the configuration alone, so that it is equal on every replica (docs/architecture.md, rule 6)."""
    hub = Hub()
    orders, _, audit = (Source(hub, name, channels=can) for name, can in (("o", "ab"), ("h", "c"), ("u", "a")))
    subscription = hub.subscribe(["a", "b"]).subscription

    assert subscription.scope == (orders.log, audit.log)
    assert [(view.log.source, view.name) for view in subscription.views] == [("o", "a"), ("o", "b"), ("u", "a")]


def test_a_channel_that_no_source_can_produce_is_read_from_none() -> None:
    hub = Hub()
    Source(hub, channels="a")
    reader = hub.subscribe(["z"])

    assert (reader.id, read(reader, hub)) == ("1", [])


def test_the_age_of_an_event_is_that_of_its_arrival_in_every_log() -> None:
    """docs/architecture.md, rule 9."""
    hub = Hub()
    sources = [Source(hub, name, bounds=Bounds(9, 999, age)) for name, age in (("orders", 5.0), ("audit", 50.0))]
    for source in sources:
        source.publish("a", now=100.0)
    hub.expire(110.0)

    assert [len(source.log.entries) for source in sources] == [0, 1]


def test_a_log_says_what_it_holds_and_what_has_gone() -> None:
    hub = Hub()
    orders, audit = Source(hub, bounds=Bounds(2, 1000, WIDE.max_age)).log, Source(hub, "audit", epoch=None).log
    for channel in "aab":
        hub.publish(orders, Event(channel, b""), now=0.0, part="0")

    assert (orders.epoch, len(orders.entries), orders.bytes, orders.published) == ("e1", 2, 2 * OVERHEAD, 3)
    assert (orders.evicted, orders.offsets()) == ({"evicted": 1}, {"0": 3})
    assert (audit.epoch, audit.published, audit.offsets()) == (None, 0, {})
