"""The wire form of events and its cache."""

from __future__ import annotations

from sse_gateway.core import Bounds, Cursor, Entry, Event, Hub, Log, Place, Reader
from sse_gateway.delivery.joins import Frames, Tally
from sse_gateway.metrics import Metrics
from sse_gateway.sse.wire import EVENT_STREAM, Format


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
