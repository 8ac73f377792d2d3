"""A client of the gateway that does what a browser does: when its connection ends it comes back with its id."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import anyio

from sse_gateway.testing import EventStreamReader, ReceivedEvent

_RETRY = 0.05
_ENDED = (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)


class Client:
    """Reads one stream until it is cancelled. The data of its events are `PARTITION.NUMBER`, and padding after a blank."""

    def __init__(self, url: str, *, last_event_id: str | None = None) -> None:
        self.url = url
        self.connections = 0
        self.events: list[ReceivedEvent] = []
        """All of them but `gateway.at`."""
        self.bodies: list[str] = []
        """What the events of the sources said, less the padding."""
        self.last: dict[str, int] = {}
        """The number that came last, by partition."""
        self.last_event_id = last_event_id
        """What it comes back with."""
        self._news = anyio.Event()

    async def run(self) -> None:
        """Read, for ever."""
        while True:
            try:
                await self.read()
            except _ENDED:
                await anyio.sleep(_RETRY)

    async def read(self) -> None:
        """Read one connection until it ends, which raises what `EventStreamReader.receive` does."""
        async with EventStreamReader(self.url, last_event_id=self.last_event_id) as stream:
            self.connections += 1
            while True:
                event = await stream.receive()
                self.last_event_id = event.id or None
                self._take(event)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that an event makes true."""
        while not condition():
            await self._news.wait()

    async def more(self, count: int) -> None:
        """Wait for so many more events of the sources."""
        wanted = len(self.bodies) + count
        await self.until(lambda: len(self.bodies) >= wanted)

    async def until_last(self, held: Iterable[str]) -> None:
        """Wait for the last of each partition of what the broker holds."""
        last = {partition: int(number) for partition, _, number in (body.partition(".") for body in held)}
        await self.until(lambda: all(self.last.get(name, -1) >= number for name, number in last.items()))

    def _take(self, event: ReceivedEvent) -> None:
        if event.type != "gateway.at":
            self.events.append(event)
        if event.type == "message":
            body = event.data.partition(" ")[0]
            partition, _, number = body.partition(".")
            self.bodies.append(body)
            self.last[partition] = int(number)
        self._news.set()
        self._news = anyio.Event()


@dataclass(frozen=True, slots=True)
class Account:
    """How many messages are missing, how many came more often than the broker had them, and whether each partition is in
    its order."""

    lost: int
    repeated: int
    ordered: bool

    @classmethod
    def of(cls, held: Sequence[str], received: Iterable[str]) -> Account:
        """`held` from the first to the last that the broker had; what lies before and behind is of no matter."""
        ends = {partition: (numbers[0], numbers[-1]) for partition, numbers in _by_partition(held).items()}
        within = [body for body in received if _is_within(body, ends)]
        had, came = Counter(held), Counter(within)
        return cls(
            lost=(had - came).total(),
            repeated=sum(count - max(had[body], 1) for body, count in came.items() if count > had[body]),
            ordered=all(a <= b for numbers in _by_partition(within).values() for a, b in pairwise(numbers)),
        )


def untold(events: Iterable[ReceivedEvent], held: Iterable[str]) -> list[int]:
    """The numbers that are missing at places where no `gateway.gap` says so."""
    wanted = sorted(int(body.partition(".")[2]) for body in held)
    missing, last, told = list[int](), -1, True  # whatever was before the first event was before the client
    for event in events:
        if event.type == "gateway.gap":
            told = True
        elif event.type == "message":
            number = int(event.data.partition(".")[2])
            missing += [] if told else [n for n in wanted if last < n < number]
            last, told = number, False
    return missing


def _by_partition(bodies: Iterable[str]) -> dict[str, list[int]]:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for body in bodies:
        partition, _, number = body.partition(".")
        found[partition].append(int(number))
    return found


def _is_within(body: str, ends: dict[str, tuple[int, int]]) -> bool:
    partition, _, number = body.partition(".")
    first, last = ends.get(partition, (1, 0))
    return first <= int(number) <= last
