"""The log of a source: its bounds, its channels, its breaks, and its part of an id."""

from __future__ import annotations

from functools import partial
from unittest.mock import Mock

import pytest

from sse_gateway.core import Bounds, Event, Hub, Log
from sse_gateway.core import log as log_module
from sse_gateway.core.event import OVERHEAD, Vector
from sse_gateway.core.ids import base36, make_digest

from .source import WIDE, Source, count_calls


def test_an_entry_is_its_event_and_weighs_its_data_its_type_and_sixteen_bytes() -> None:
    """The key is for policies that drop by key. The message's own id is not kept: it may be long (docs/architecture.md, rule 9)."""
    hub = Hub()
    event = Event("a", b"12345", "new", "k", "m1")
    entry = hub.publish(Source(hub).log, event, now=7.0, part="0", offset=4)

    assert entry is not None
    assert (entry.channel, entry.data, entry.type, entry.key, entry.id) == ("a", b"12345", "new", "k", None)
    assert (entry.part, entry.offset, entry.time) == ("0", 4, 7.0)
    assert entry.weight == 5 + 3 + OVERHEAD == 24


def test_events_share_the_vectors_that_did_not_move() -> None:
    """docs/architecture.md, rule 3."""
    hub = Hub()
    orders, audit = Source(hub, "orders"), Source(hub, "audit")
    before, after = orders.publish("a"), audit.publish("a")

    assert after.at[0] is before.at[0]


def test_entries_share_the_name_of_their_partition() -> None:
    """A string for each message takes 50 bytes."""
    source = Source(Hub(), at={})
    parts = [source.publish("a", part="".join(["p", "1"])).part for _ in range(2)]

    assert parts[0] == "p1"
    assert parts[0] is parts[1]


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


def test_the_oldest_go_when_they_weigh_too_much() -> None:
    source = Source(Hub(), bounds=Bounds(1000, 2 * OVERHEAD, 1000.0))
    for _ in range(4):
        source.publish("a")

    assert source.log.bytes == 2 * OVERHEAD
    assert source.log.evicted == {"evicted": 2}


def test_an_event_that_is_larger_than_the_log_leaves_nothing() -> None:
    source = Source(Hub(), bounds=Bounds(1000, OVERHEAD - 1, 1000.0))
    source.publish("a")

    assert (len(source.log.entries), source.log.bytes, source.log.views) == (0, 0, {})


def test_what_is_too_old_goes_and_what_is_as_old_as_allowed_stays() -> None:
    """By the time of arrival, in order, so that each costs the same (docs/architecture.md, rule 9)."""
    hub = Hub()
    source = Source(hub, bounds=Bounds(1000, 1_000_000, 10.0))
    for now in (0.0, 1.0, 2.0):
        source.publish("a", now=now)
    hub.expire(11.0)

    assert [event.time for event in source.log.entries] == [1.0, 2.0]
    assert source.log.evicted == {"expired": 1}


def test_what_a_view_lost_stays_known_to_the_log_and_to_each_new_view() -> None:
    """docs/architecture.md, rule 7."""
    hub = Hub()
    source = Source(hub, at={"0": 0, "1": 0})
    source.publish("a", 4)
    source.publish("a", 6, part="1")
    hub.expire(WIDE.max_age + 1)
    source.publish("b", 1, part="2")
    hub.expire(WIDE.max_age + 1)

    assert source.log.forgotten == {"0": 5, "1": 7, "2": 2}
    assert source.log.view("c").base is source.log.forgotten


def test_the_oldest_loss_is_forgotten_when_there_are_too_many_with_all_before_it() -> None:
    """Bounded. Nobody may read on across a loss that he is not told of (docs/architecture.md, rule 8)."""
    hub = Hub()
    source = Source(hub)
    view = hub.subscribe(["b"]).subscription.views[0]
    for _ in range(70):
        source.publish("a")
        hub.lose(source.log, "upstream", {"0": source.log.offsets()["0"] + 1})

    assert len(source.log.breaks) == 64
    assert source.log.forgotten == view.base == {"0": 12}
    assert source.log.entries[0].offset == 12
    assert view.evicted == source.log.entries[0].seq


def test_a_vector_of_another_history_has_reached_nothing_of_this_one() -> None:
    hub = Hub()
    source = Source(hub, at={"0": 5})
    before = source.log.vector
    hub.begin(source.log, "e2", {"0": 2, "1": 3})

    assert source.log.reached(before) == source.log.reached(Vector()) == {"0": 2, "1": 3}
    assert source.log.reached(source.log.vector) == source.log.offsets()


def test_the_part_of_an_id_says_where_each_partition_stands() -> None:
    """docs/architecture.md, rule 13."""
    hub = Hub()
    source = Source(hub, at={"0": 0, "x1": 35})
    assert source.log.text(source.log.vector) == ".8xshon_0-0_x1-z"
    source.publish("a", part="x1")

    assert source.log.text(source.log.vector) == ".8xshon_0-0_x1-10"


def test_a_source_that_was_never_up_has_no_part_in_an_id() -> None:
    source = Source(Hub(), epoch=None)

    assert source.log.text(source.log.vector) == ""
    assert source.log.epoch is None
    assert source.log.offsets() == {}


def test_the_text_of_a_vector_of_before_is_right_after_a_later_one_was_written() -> None:
    hub = Hub()
    source = Source(hub)
    source.publish("a")
    before = source.log.vector
    source.publish("a")
    source.publish("a", part="1")

    assert source.log.text(source.log.vector) == ".8xshon_0-2_1-1"
    assert source.log.text(before) == ".8xshon_0-1"
    assert source.log.text(source.log.vector) == ".8xshon_0-2_1-1"


def test_only_the_fragment_of_the_partition_that_moved_is_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/architecture.md, rule 14."""
    writer = Mock(wraps=base36)
    monkeypatch.setattr(log_module, "base36", writer)
    source = Source(Hub(), at={f"{number}": 100 + number for number in range(24)})
    source.log.text(source.log.vector)
    writer.reset_mock()
    source.publish("a", part="7")
    first = source.log.text(source.log.vector)

    assert source.log.text(source.log.vector) is first
    writer.assert_called_once_with(108)


def test_only_a_source_that_the_gateway_counts_keeps_digests() -> None:
    """docs/architecture.md, rule 13."""
    hub = Hub(process="p")
    orders, hooks = Source(hub, "orders"), Source(hub, "hooks", epoch="")

    assert orders.publish("a", id="m1").at[0].digest == ""
    assert hooks.publish("a", id="m1").at[1].digest == make_digest("hooks", "m1")
    assert hooks.publish("a").at[1].digest == hooks.publish("a", id="").at[1].digest == ""


def test_a_digest_goes_with_the_last_message_that_has_it() -> None:
    hub = Hub(process="p")
    hooks = Source(hub, "hooks", epoch="", bounds=Bounds(2, 1000, 1000.0))
    for id in ("twice", "once", "twice", "new"):
        hooks.publish("a", id=id)
    assert hooks.log.digests == {make_digest("hooks", "twice"): 3, make_digest("hooks", "new"): 4}
    hooks.publish("a")

    assert hooks.log.digests == {make_digest("hooks", "new"): 4}


def test_the_digest_before_a_count_is_that_of_the_message_that_had_it() -> None:
    hub = Hub(process="p")
    hooks = Source(hub, "hooks", epoch="", bounds=Bounds(3, 1000, 1000.0))
    for number in range(3):
        hooks.publish("a", id=f"m{number}")
    hub.lose(hooks.log, "upstream")
    hooks.publish("a", id="m4")
    digests = {number: make_digest("hooks", f"m{number}") for number in (1, 2, 4)}

    held = [hooks.log.digest_before(following) for following in range(7)]
    assert held == ["", "", digests[1], digests[2], "", digests[4], ""]


@pytest.mark.parametrize("subscribed", [False, True])
def test_publishing_and_evicting_cost_the_same_with_any_number_of_channels(subscribed: bool) -> None:
    """Counted in calls, while each publish makes a channel and lets go of another (docs/architecture.md, rule 16)."""
    costs = []
    for channels in (10, 10_000, 100_000):
        hub = Hub()
        log = hub.add("orders", Bounds(channels // 2, 100_000_000, 1000.0), lambda name: True)
        hub.begin(log, "", {})
        names = [f"{number}" for number in range(channels)]
        for name in names[::10] if subscribed else []:
            hub.subscribe([name])
        for name in names:
            hub.publish(log, Event(name, b""), now=0)
        costs.append(count_calls(partial(_publish, hub, log, names[:10])))

    assert len(set(costs)) == 1


def _publish(hub: Hub, log: Log, names: list[str]) -> None:
    for name in names:
        hub.publish(log, Event(name, b""), now=0)
