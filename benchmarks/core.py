"""What the core costs, beside what its design allows: `python benchmarks/core.py`, about ten seconds.

Times are the best of five rounds; expect ±30 % between machines. The allowed figures are those of a prototype on CPython
3.11. No test holds the core to them, only to their growth: tests/core/test_log.py counts calls.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

from sse_gateway.core import Bounds, Cursor, Event, Hub, Log

ROUNDS = 5
WIDE = Bounds(1_000_000, 1_000_000_000, 1e9)


def build(bounds: Bounds = WIDE, partitions: int = 1) -> tuple[Hub, Log]:
    hub = Hub()
    log = hub.add("orders", bounds, lambda name: True)
    hub.begin(log, "e1", {f"{number}": 0 for number in range(partitions)})
    return hub, log


def publish(hub: Hub, log: Log, channel: str, part: str = "0") -> None:
    hub.publish(log, Event(channel, b"{}"), now=0.0, part=part, offset=log.vector.next[log.parts[part]])


def best(act: Callable[[], int]) -> float:
    """Microseconds for each of the things that `act` does; it returns how many that were."""
    times = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        count = act()
        times.append((time.process_time() - begun) / count)
    return min(times) * 1e6


def publish_and_evict(channels: int) -> float:
    """With nobody subscribed, on a log that is full."""
    hub, log = build(Bounds(max(channels, 1000), 1_000_000_000, 1e9))
    names = [f"orders.{number}" for number in range(channels)] * (1 if channels > 1000 else 10_000)
    for name in names[: log.bounds.max_events]:
        publish(hub, log, name)

    def act() -> int:
        for name in names[:20_000]:
            publish(hub, log, name)
        return min(len(names), 20_000)

    return best(act)


def publish_and_take(burst: int) -> float:
    """One ready reader."""
    hub, log = build(Bounds(10_000, 1_000_000_000, 1e9))
    reader = hub.subscribe(["a"])

    def act() -> int:
        for _ in range(10_000 // burst):
            for _ in range(burst):
                publish(hub, log, "a")
            hub.changed()
            reader.take(1_000_000, hub.position)
        return 10_000 // burst * burst

    return best(act)


def late_take() -> float:
    hub, log = build()
    reader = hub.subscribe(["a"])
    for _ in range(1000):
        publish(hub, log, "a")

    def act() -> int:
        return sum(len(reader.fork().take(1_000_000, hub.position).events) for _ in range(20))

    return best(act)


def lag() -> float:
    hub, log = build()
    reader = hub.subscribe([f"orders.{number}" for number in range(50)])
    for number in range(5000):
        publish(hub, log, f"orders.{number % 50}")
    return best(lambda: 100 * 50 * bool([reader.lag() for _ in range(100)]))


def resume_and_take(events: int) -> float:
    """One client comes back to a channel that holds so many events and misses one."""
    hub, log = build()
    for _ in range(events):
        publish(hub, log, "a")
    cursor = Cursor.parse(hub.subscribe(["a"]).id)
    publish(hub, log, "a")

    def act() -> int:
        for _ in range(200):
            reader = hub.subscribe(["a"], cursor)
            assert len(reader.take(1_000_000, hub.position).events) == 1
            hub.unsubscribe(reader)
        return 200

    return best(act)


def write_id(partitions: int) -> float:
    """The id of a new event."""
    hub, log = build(partitions=partitions)
    reader = hub.subscribe(["a"])
    for number in range(2000):
        publish(hub, log, "a", f"{number % partitions}")
    events = reader.take(1_000_000, hub.position).events
    return best(lambda: len([reader.id_of(event) for event in events]))


def bytes_of_a_channel(*, subscribed: bool) -> float:
    """With one event and no reader, or with a reader and no event."""
    hub, log = build()
    names = [f"orders.{number}" for number in range(20_000)]
    tracemalloc.start()
    readers = [hub.subscribe([name]) for name in names] if subscribed else []
    for name in [] if subscribed else names:
        publish(hub, log, name)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / len(names) if readers or log.entries else 0.0


FIGURES: list[tuple[str, str, str, Callable[[], float]]] = [
    ("publish and evict, 1 channel", "1.4", "µs", lambda: publish_and_evict(1)),
    ("publish and evict, 10,000 channels", "1.6", "µs", lambda: publish_and_evict(10_000)),
    ("publish and evict, 100,000 channels", "2.2", "µs", lambda: publish_and_evict(100_000)),
    ("publish and take one", "2.8-4.1", "µs", lambda: publish_and_take(1)),
    ("publish and take, bursts of 32", "1.5", "µs an event", lambda: publish_and_take(32)),
    ("a late take of 1,000", "0.11", "µs an event", late_take),
    ("lag", "0.44", "µs a view", lag),
    ("resume and take one of 10", "", "µs", lambda: resume_and_take(10)),
    ("resume and take one of 10,000", "", "µs", lambda: resume_and_take(10_000)),
    ("id of 1 partition", "", "µs", lambda: write_id(1)),
    ("id of 24 partitions", "2.6", "µs", lambda: write_id(24)),
    ("a channel with one event", "550", "bytes", lambda: bytes_of_a_channel(subscribed=False)),
    ("an idle channel with a reader", "620", "bytes", lambda: bytes_of_a_channel(subscribed=True)),
]


def main() -> None:
    print(f"{'':38}{'measured':>10}{'allowed':>10}")
    for name, allowed, unit, measure in FIGURES:
        print(f"{name:38}{measure():>10.2f}{allowed:>10}  {unit}")


if __name__ == "__main__":
    main()
