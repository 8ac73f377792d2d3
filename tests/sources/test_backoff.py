"""The waits between attempts grow to a ceiling, are spread by chance, and begin anew after a healthy minute."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from sse_gateway.sources.supervisor import Backoff


def test_the_ceiling_doubles_from_half_a_second_to_thirty() -> None:
    backoff = Backoff(random=lambda: 1.0)
    assert [backoff.next(0) for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_the_wait_is_anything_between_nothing_and_the_ceiling() -> None:
    chances = iter([0.0, 0.25, 1.0])
    backoff = Backoff(random=lambda: next(chances))
    assert [backoff.next(0) for _ in range(3)] == [0.0, 0.25, 2.0]


def test_a_healthy_minute_begins_anew() -> None:
    backoff = Backoff(random=lambda: 1.0)
    assert [backoff.next(lasted) for lasted in (0, 0, 59.9, 60, 0, 3600)] == [0.5, 1, 2, 0.5, 1, 0.5]


@given(st.lists(st.floats(0, 1e6)), st.integers())
def test_it_never_waits_longer_than_its_most(lasted: list[float], seed: int) -> None:
    backoff = Backoff(most=5, random=random.Random(seed).random)
    assert all(0 <= backoff.next(seconds) <= 5 for seconds in lasted)
