"""A naive model: two replicas that read the same sources and merge them in different orders, and their clients.

Each operation takes three numbers and makes of them what it needs, so that whoever drives it, hypothesis or a seed, only
has to draw numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sse_gateway.core import Bounds, Hub

from .client import Client
from .upstream import CHANNELS, MAX_EPOCHS, PRODUCED, REPLICAS, SOURCES, Replica, Upstream

MAX_CLIENTS = 6
MAX_PARTS = 4
OPERATIONS: Mapping[str, int] = {
    "produce": 50,
    "consume": 70,
    "take": 50,
    "move": 12,
    "connect": 8,
    "flush": 6,
    "repeat": 6,
    "begin": 4,
    "expire": 4,
    "rejoin": 3,
    "lose": 2,
    "give_up": 2,
    "renew": 1,
    "grow": 1,
    "leave": 1,
}
"""How often each happens, against the others."""
Step = tuple[str, int, int, int]
_NAMES = tuple(SOURCES)
_SUBSCRIPTIONS = (("a",), ("b",), ("c",), ("a", "b"), ("b", "c"), CHANNELS)
_SIZES = (1, 40, 100, 10_000)


class World:
    """Upstream, replicas and clients."""

    def __init__(self, bounds: Bounds) -> None:
        self.upstream = Upstream()
        hubs = [Hub(process=f"process-{number}") for number in range(REPLICAS)]
        self.replicas = [Replica(each, self.upstream, bounds) for each in hubs]
        self.clients: list[Client] = []
        self.now = 0.0

    def run(self, steps: Iterable[Step]) -> None:
        """One operation after the other."""
        for operation, where, which, what in steps:
            getattr(self, operation)(where, which, what)

    def produce(self, where: int, which: int, what: int) -> None:
        """A message appears upstream; every fourth maps to no channel."""
        parts = self.replicas[where % REPLICAS].parts()
        if parts:
            part = parts[which % len(parts)]
            channels = (*PRODUCED[part[0]], None)
            self.upstream.messages[part].append(channels[what % len(channels)])

    def consume(self, where: int, which: int, what: int) -> None:
        """A replica reads on in one partition."""
        replica = self.replicas[where % REPLICAS]
        parts = replica.parts()
        self.now += 1
        for part in parts[which % len(parts) :][:1] if parts else []:
            for _ in range(1 + what % 3):
                replica.consume(part, self.now, lazy=what % 2 == 0)

    def repeat(self, where: int, which: int, what: int) -> None:
        """The upstream delivers a message again."""
        replica = self.replicas[where % REPLICAS]
        parts = [part for part in replica.parts() if replica.read.get(part)]
        if parts:
            part = parts[which % len(parts)]
            replica.repeat(part, what % replica.read[part], self.now)

    def lose(self, where: int, which: int, what: int) -> None:
        """A replica misses messages, and knows it."""
        replica = self.replicas[where % REPLICAS]
        parts = replica.parts_of(_NAMES[which % len(_NAMES)])
        replica.lose(parts[what % len(parts) :] if parts else [])

    def begin(self, where: int, which: int, what: int) -> None:
        """A source is up, the first time."""
        if not self.replicas[where % REPLICAS].epochs[_NAMES[which % len(_NAMES)]]:
            self._renew(self.replicas[where % REPLICAS], _NAMES[which % len(_NAMES)], what % 3)

    def renew(self, where: int, which: int, what: int) -> None:
        """A replica finds that a source was made anew upstream."""
        replica, source = self.replicas[where % REPLICAS], ("orders", "audit")[which % 2]
        if 0 < replica.epochs[source] < MAX_EPOCHS:
            self._renew(replica, source, what % 3)

    def _renew(self, replica: Replica, source: str, skipped: int) -> None:
        begun = replica.renew(source, skipped)
        for client in self.clients:
            if client.replica is replica:
                client.begin(begun)

    def rejoin(self, where: int, which: int, what: int) -> None:
        """A replica loses its connection to a source and finds it again; some messages may be passed over."""
        replica, source = self.replicas[where % REPLICAS], _NAMES[which % len(_NAMES)]
        if replica.epochs[source]:
            replica.rejoin(source, what % 3)

    def grow(self, where: int, which: int, what: int) -> None:
        """A source gets a partition more."""
        source = ("orders", "audit")[which % 2]
        epoch = self.replicas[where % REPLICAS].epochs[source]
        if epoch and len(self.upstream.open(source, epoch)) < MAX_PARTS:
            self.upstream.grow(source, epoch)

    def expire(self, where: int, which: int, what: int) -> None:
        """Time passes."""
        self.now += (1, 10)[what % 2]
        self.replicas[where % REPLICAS].hub.expire(self.now)

    def flush(self, where: int, which: int, what: int) -> None:
        """A replica fixes how far its next flush goes."""
        replica = self.replicas[where % REPLICAS]
        replica.flushed = replica.hub.position

    def connect(self, where: int, which: int, what: int) -> None:
        """A new client, live from now or from the earliest that is held."""
        if len(self.clients) < MAX_CLIENTS:
            channels = _SUBSCRIPTIONS[which % len(_SUBSCRIPTIONS)]
            self.clients.append(Client(channels, self.replicas[where % REPLICAS], earliest=what % 4 == 0))

    def leave(self, where: int, which: int, what: int) -> None:
        """A client goes for good."""
        if self.clients:
            self.clients.pop(which % len(self.clients)).leave()

    def move(self, where: int, which: int, what: int) -> None:
        """A client loses its connection and comes back with its id, here or on the other replica."""
        if self.clients:
            self.clients[which % len(self.clients)].move(self.replicas[where % REPLICAS], farewell=what % 3 == 0)

    def take(self, where: int, which: int, what: int) -> None:
        """A client reads on."""
        if self.clients:
            self.clients[which % len(self.clients)].take(_SIZES[what % len(_SIZES)], now=where % 3 > 0)

    def give_up(self, where: int, which: int, what: int) -> None:
        """A client has waited long enough for a replica that is behind."""
        if self.clients:
            self.clients[which % len(self.clients)].give_up()
