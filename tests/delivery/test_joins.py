"""The wire form of events and its cache."""

from __future__ import annotations

import json

import pytest

from sse_gateway.core import Bounds, Cursor, Entry, Event, Gap, Hub, Log, Place, Reader, Reset
from sse_gateway.delivery.joins import Cache, Frames, Tally
from sse_gateway.metrics import Metrics
from sse_gateway.sse.wire import EVENT_STREAM, NDJSON, Format
from sse_gateway.testing import EventStreamParser


class Desk:
    """A hub with two sources, a reader of one channel, and frames."""

    def __init__(self, format: Format = EVENT_STREAM, max_id: int = 1024) -> None:
        self.hub = Hub(process="p")
        self.logs = [self._add("orders"), self._add("audit")]
        self.metrics = Metrics()
        self._tally = Tally(self.metrics)
        self.frames = Frames(format, self._tally, max_id)
        self.reader = self.hub.subscribe(["a"])

    def _add(self, source: str) -> Log:
        log = self.hub.add(source, Bounds(10_000, 2**24, 600), lambda name: True)
        self.hub.begin(log, "e", {"0": 0})
        return log

    def publish(self, data: bytes, *, type: str = "", log: int = 0) -> None:
        target = self.logs[log]
        self.hub.publish(target, Event("a", data, type), now=1, part="0")

    def count(self, name: str) -> float | None:
        self._tally.settle()
        return self.metrics.registry.get_sample_value(f"sse_gateway_{name}_total")

    def take(self, reader: Reader | None = None) -> list[Entry]:
        return (reader or self.reader).take(10**9, self.hub.position).events


def test_a_join_is_read_back_as_its_events() -> None:
    """Types, several lines, and an id for each that leads to what follows it."""
    desk = Desk()
    desk.publish(b"one", type="greeting")
    desk.publish(b"two\nlines\r\n\rmore", log=1)
    events = desk.take()
    received = EventStreamParser().feed(desk.frames.join(events, desk.reader))
    assert [(each.type, each.data) for each in received] == [("greeting", "one"), ("message", "two\nlines\n\nmore")]
    assert [each.id for each in received] == [desk.reader.id_of(event) for event in events]
    assert received[1].id == desk.reader.id


def test_a_long_id_stands_on_the_last_event_only() -> None:
    """It is sent once in a join."""
    desk = Desk(max_id=8)
    for number in range(3):
        desk.publish(b"%d" % number)
    text = desk.frames.join(desk.take(), desk.reader)
    assert text.count(b"id: ") == 1
    assert EventStreamParser().feed(text)[-1].id == desk.reader.id


def test_an_event_is_encoded_once_whoever_reads_it() -> None:
    """And framed once for each set of sources, unless a filter makes the id one reader's own."""
    desk = Desk()
    other = desk.hub.subscribe(["a", "b"])
    places = {log.vector.tag: Place({"0": ahead}) for log, ahead in zip(desk.logs, (0, 7), strict=True)}
    late = desk.hub.subscribe(["a"], Cursor(places))
    desk.publish(b"x")
    events = desk.take()
    first = desk.frames.join(events, desk.reader)
    assert desk.frames.join(desk.take(other), other) == first
    assert desk.frames.join(desk.take(late), late) != first
    assert (desk.count("encodings"), desk.count("joins")) == (1, 3)


def test_the_cache_forgets_old_events_and_nothing_is_wrong_by_it() -> None:
    """Twice as many events as it keeps, read again from the first."""
    desk = Desk()
    again = desk.reader.fork()
    for number in range(10_000):
        desk.publish(b"%d" % number)
    events = desk.take()
    text = desk.frames.join(events, desk.reader)
    assert desk.frames.join(desk.take(again), again) == text
    assert 10_000 < (desk.count("encodings") or 0) <= 20_000


def test_large_events_are_forgotten_sooner() -> None:
    """The logs bound the memory: 64 events of 256 KiB, as large as they may be, are not kept beside them."""
    desk = Desk()
    again = desk.reader.fork()
    for _ in range(64):
        desk.publish(bytes(2**18 - 100))
    desk.frames.join(desk.take(), desk.reader)
    desk.frames.join(desk.take(again), again)
    assert desk.count("encodings") == 128


@pytest.mark.parametrize("format", [EVENT_STREAM, NDJSON])
def test_notices_lead_to_one_id_and_only_the_last_has_it(format: Format) -> None:
    """A client that is cut off between them is told again."""
    frames = Frames(format, Tally(Metrics()), 1024)
    gap = Gap("a", "orders", "evicted", True, {"0": 1}, {"0": 3})
    text = frames.notices([gap, Reset("audit", "epoch")], "1.x")
    assert text.count(b"1.x") == 1
    assert text.index(b"gateway.gap") < text.index(b"gateway.reset")
    if format is EVENT_STREAM:
        told, reset = EventStreamParser().feed(text)
        assert (told.id, reset.id) == ("", "1.x")
        expected = {
            "channel": "a",
            "source": "orders",
            "reason": "evicted",
            "certain": True,
            "from": {"0": 1},
            "to": {"0": 3},
        }
        assert json.loads(told.data) == expected
        assert json.loads(reset.data) == {"source": "audit", "reason": "epoch"}


def test_a_control_event_says_when_to_come_back() -> None:
    """In milliseconds, before the event."""
    text = EVENT_STREAM.control("gateway.at", id="1", retry=1.5)
    assert text == b"retry: 1500\nid: 1\nevent: gateway.at\ndata\n\n"
    line = json.loads(NDJSON.control("gateway.bye", {"reason": "drain"}, id="1", retry=1.5))
    assert line == {"id": "1", "event": "gateway.bye", "retry": 1500, "data": {"reason": "drain"}}


def test_an_ndjson_event_without_an_id_or_type_is_an_object_too() -> None:
    """What a long id leaves out."""
    assert json.loads(NDJSON.prefix(None) + NDJSON.body("", "ü\n".encode())) == {"data": "ü\n"}


@pytest.mark.parametrize(("entries", "size"), [(10, 10**9), (10**9, 1000)])
def test_it_keeps_the_latest_and_is_bounded_by_entries_and_by_bytes(entries: int, size: int) -> None:
    """Two generations of ten entries of a hundred bytes, whichever bound is met first."""
    cache = Cache(entries=entries, size=size)
    for number in range(1000):
        cache.put(number, bytes(100))

    kept = [number for number in range(1000) if cache.get(number)]

    assert kept == list(range(980, 1000))
