"""A source of a hub that is short to write, and a reader that reads to the end."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping
from types import FrameType

from sse_gateway.core import Bounds, Entry, Event, Hub, Notice, Reader

WIDE = Bounds(1000, 1_000_000, 1000.0)
EVERYTHING = 1_000_000


class Source:
    """One log of a hub and who fills it. Without an epoch the gateway counts."""

    def __init__(
        self,
        hub: Hub,
        name: str = "orders",
        *,
        epoch: str | None = "e1",
        at: Mapping[str, int] | None = None,
        bounds: Bounds = WIDE,
        channels: str = "abc",
    ) -> None:
        """`epoch` None: it is not up yet. `at`: where it begins."""
        self.hub = hub
        self.log = hub.add(name, bounds, channels.__contains__)
        if epoch is not None:
            hub.begin(self.log, epoch, {} if epoch == "" else {"0": 0} if at is None else at)

    def publish(
        self,
        channel: str,
        offset: int | None = None,
        *,
        part: str | None = None,
        now: float = 0.0,
        id: str | None = None,
    ) -> Entry:
        """One event; without an offset it is the next one."""
        part = ("" if self.log.counts else "0") if part is None else part
        if offset is None and not self.log.counts:
            offset = self.log.offsets().get(part, 0)
        entry = self.hub.publish(self.log, Event(channel, b"", id=id), now=now, part=part, offset=offset)
        assert entry is not None
        return entry


def read(reader: Reader, hub: Hub) -> list[Entry | Notice]:
    """All that a reader is sent and told, in order, until it has caught up."""
    got: list[Entry | Notice] = []
    while reader.position.seq < hub.seq:
        events, lost = reader.take(EVERYTHING, hub.position)
        assert bool(events) != bool(lost) or reader.position == hub.position
        got += events or lost
    return got


def count_calls(act: Callable[[], object]) -> int:
    """How many functions, Python's and C's, `act` calls: what it costs, on any machine."""
    calls = 0

    def count(frame: FrameType, kind: str, argument: object) -> None:
        nonlocal calls
        calls += kind in ("call", "c_call")

    gc.disable()  # a collection in between calls what others have hung on it
    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(None)
        gc.enable()
    return calls
