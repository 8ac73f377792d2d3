"""Events and vectors."""

from __future__ import annotations

from sse_gateway.core import Event, Hub, Vector
from sse_gateway.core.event import OVERHEAD

from .source import Source


def test_an_event_weighs_its_data_its_type_and_sixteen_bytes() -> None:
    """Rule 9."""
    hub = Hub()
    log = Source(hub).log
    event = hub.publish(log, Event("a", b"12345", "new"), now=0, part="0")

    assert event is not None
    assert event.weight == 5 + 3 + OVERHEAD == 24


def test_the_total_runs_over_the_events_of_one_channel() -> None:
    hub = Hub()
    source = Source(hub)

    assert [source.publish(channel).total for channel in "aba"] == [0, 0, OVERHEAD]


def test_an_event_keeps_the_vectors_of_all_logs_just_after_it() -> None:
    """Rule 3."""
    hub = Hub()
    orders, audit = Source(hub, "orders"), Source(hub, "audit")
    orders.publish("a")
    event = audit.publish("b")
    orders.publish("a")

    assert [vector.next for vector in event.at] == [(1,), (1,)]


def test_events_share_the_vectors_that_did_not_move() -> None:
    """Rule 3."""
    hub = Hub()
    orders, audit = Source(hub, "orders"), Source(hub, "audit")
    before, after = orders.publish("a"), audit.publish("a")

    assert after.at[0] is before.at[0]


def test_an_event_keeps_its_key_for_policies_that_drop_by_key() -> None:
    """Rule 9."""
    hub = Hub()
    event = hub.publish(Source(hub).log, Event("a", b"", key="k"), now=0, part="0")

    assert event is not None
    assert event.key == "k"


def test_a_vector_names_its_partitions_itself() -> None:
    assert Vector("tag", ("0", "x"), (7, 8)).named() == {"0": 7, "x": 8}
    assert Vector().named() == {}
