"""Coming back with an id: on this process or another, where the sources were merged in another order."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from sse_gateway.core import Bounds, Cursor, Entry, Gap, Hub, Notice, Reader, Reset
from sse_gateway.core.ids import make_digest, make_tag

from .source import EVERYTHING, Source, count_calls, read


def come_back(hub: Hub, id: str, channels: Iterable[str] = "a") -> Reader:
    return hub.subscribe(channels, Cursor.parse(id))


def offsets(hub: Hub, got: Iterable[Entry | Notice]) -> list[tuple[str, int]]:
    """Of the events, the source and the offset."""
    return [
        (log.source, each.offset) for each in got for log in hub.logs if each in log.entries and isinstance(each, Entry)
    ]


def merge(order: str) -> tuple[Hub, dict[str, Source]]:
    """A replica that met the messages of two sources in this order."""
    hub = Hub()
    sources = {"o": Source(hub, "orders"), "u": Source(hub, "audit")}
    for letter in order:
        sources[letter].publish("a")
    return hub, sources


def test_on_a_replica_with_another_order_nothing_is_lost_or_repeated() -> None:
    """An id is no prefix of this replica's order (docs/architecture.md, rule 1)."""
    here, _ = merge("ooouuu")
    there, _ = merge("uuuooo")
    reader = here.subscribe("a", Cursor.parse("1.6oldmo_0-0.8xshon_0-0"))
    first = reader.take(2 * 16, here.position).events
    moved = come_back(there, reader.id)

    assert offsets(here, first) == [("orders", 0), ("orders", 1)]
    assert offsets(there, read(moved, there)) == [("audit", 0), ("audit", 1), ("audit", 2), ("orders", 2)]


def test_while_it_is_filtered_its_ids_never_fall_below_what_it_had() -> None:
    """The elementwise maximum, for this reader alone (docs/architecture.md, rule 2)."""
    there, _ = merge("uuuooo")
    reader = come_back(there, "1.6oldmo_0-0.8xshon_0-2")
    events = reader.take(EVERYTHING, there.position).events

    assert [reader.id_of(event) for event in events] == [
        "1.6oldmo_0-1.8xshon_0-2",
        "1.6oldmo_0-2.8xshon_0-2",
        "1.6oldmo_0-3.8xshon_0-2",
        "1.6oldmo_0-3.8xshon_0-3",
    ]


def test_of_each_partition_its_ids_have_the_higher_of_what_it_had_and_what_it_reached() -> None:
    """docs/architecture.md, rule 2."""
    hub = Hub()
    source = Source(hub)
    reader = come_back(hub, "1.8xshon_0-2_1-1")
    for _ in range(3):
        source.publish("a", part="1")
    (*_, last) = reader.take(EVERYTHING, hub.position).events

    assert reader.id_of(last) == "1.8xshon_0-2_1-3"


def test_the_filter_goes_when_the_position_is_above_it_everywhere() -> None:
    """Then it may share messages with others (docs/architecture.md, rule 1)."""
    hub, sources = merge("uo")
    reader = come_back(hub, "1.6oldmo_0-2.8xshon_0-1")
    filtered = []
    for _ in range(2):
        read(reader, hub)
        filtered.append(reader.filtered)
        assert reader.shares_ids is not reader.filtered
        sources["u"].publish("a")

    assert filtered == [True, False]


def test_a_source_that_the_id_does_not_name_is_live_from_now() -> None:
    """It is new in the configuration (docs/architecture.md, rule 13)."""
    hub, sources = merge("ou")
    reader = come_back(hub, "1.8xshon_0-0")
    last = sources["u"].publish("a")

    assert reader.resumed
    assert offsets(hub, read(reader, hub)) == [("orders", 0), ("audit", last.offset)]


def test_a_place_without_pairs_is_before_everything() -> None:
    """`earliest`: what is still held, and what is not is told."""
    hub = Hub()
    source = Source(hub, bounds=Bounds(2, 1000, 1000.0))
    hub.subscribe("a")
    events = [source.publish("a") for _ in range(3)]
    reader = come_back(hub, "1.8xshon")

    assert reader.notices == (Gap("a", "orders", "evicted", True, {"0": 0}, {"0": 1}),)
    assert read(reader, hub) == events[1:]


def test_an_unknown_tag_resets_its_source_only() -> None:
    """The others go on (docs/architecture.md, rule 13)."""
    hub, _ = merge("oouu")
    reader = come_back(hub, f"1.6oldmo_0-1.{make_tag('orders', 'e0')}_0-1")

    assert reader.notices == (Reset("orders", "epoch"),)
    assert not reader.resumed
    assert offsets(hub, read(reader, hub)) == [("audit", 1)]


def test_a_tag_of_a_source_that_is_gone_is_unknown() -> None:
    hub, _ = merge("ou")
    reader = come_back(hub, "1.6oldmo_0-1.8xshon_0-1.abcdef_0-7")

    assert reader.notices == (Reset("abcdef", "unknown"),)


def test_a_source_of_the_gateway_that_these_channels_do_not_read_is_no_stranger() -> None:
    """An id of another route, or `earliest` for every log: it is met with what the client asks for."""
    hub = Hub()
    orders = Source(hub, "orders", channels="a")
    Source(hub, "audit", channels="b")
    orders.publish("a")
    reader = come_back(hub, "1.6oldmo.8xshon")

    assert (reader.notices, reader.resumed) == ((), True)


def test_what_stays_ahead_is_given_up_for_a_reset() -> None:
    """docs/architecture.md, rule 13."""
    hub, sources = merge("oou")
    reader = come_back(hub, "1.6oldmo_0-0.8xshon_0-9")
    assert offsets(hub, read(reader, hub)) == [("audit", 0)]

    assert reader.give_up(sources["o"].log) == Reset("orders", "ahead")
    assert (reader.ahead(), reader.id) == ([], "1.6oldmo_0-1.8xshon_0-2")
    assert read(reader, hub) == []
    assert reader.give_up(sources["o"].log) == Reset("orders", "ahead")


def hooks(process: str, ids: Iterable[str | None]) -> tuple[Hub, Source]:
    """A process that counts, and has had these messages."""
    hub = Hub(process=process)
    source = Source(hub, "hooks", epoch="")
    for id in ids:
        source.publish("a", id=id)
    return hub, source


def test_its_id_leads_back_also_before_anything_new_has_come() -> None:
    """Or two reconnects in a quiet time would be a reset."""
    here, _ = hooks("p", ["m1", "m2"])
    there, _ = hooks("q", ["m0", "m1", "m2", "m3"])
    reader = come_back(there, here.subscribe("a").id)

    assert reader.id.endswith(f"_-3*{make_digest('hooks', 'm2')}")
    assert come_back(here, reader.id).resumed


def test_a_last_message_that_nobody_knows_is_a_reset() -> None:
    here, _ = hooks("p", ["m1"])
    there, _ = hooks("q", ["m2"])

    assert come_back(there, here.subscribe("a").id).notices == (Reset("hooks", "epoch"),)


def test_of_several_last_messages_the_latest_counts() -> None:
    """An id that was put together: it must do no harm."""
    hub, _ = hooks("p", ["m1", "m2", "m3"])
    digests = [make_digest("hooks", f"m{number}") for number in (2, 1)]
    reader = come_back(hub, f"1.aaaaaa*{digests[0]}.bbbbbb*{digests[1]}")

    assert offsets(hub, read(reader, hub)) == [("hooks", 2)]


def test_coming_back_costs_the_same_however_much_the_channel_holds() -> None:
    """It starts at the first event that is wanted. A storm of clients comes back to a busy channel (docs/architecture.md, rule 1)."""
    costs = []
    for events in (10, 10_000):
        hub = Hub()
        source = Source(hub, bounds=Bounds(events, 1_000_000, 1000.0))
        for _ in range(events):
            source.publish("a")
        id = hub.subscribe("a").id
        source.publish("a")
        costs.append(count_calls(partial(_come_back_and_read, hub, id)))

    assert costs[1] < 3 * costs[0]


def _come_back_and_read(hub: Hub, id: str) -> None:
    assert len(read(come_back(hub, id), hub)) == 1
