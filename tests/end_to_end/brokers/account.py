"""The account: what a client received against what the broker held."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sse_gateway.testing import ReceivedEvent


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
