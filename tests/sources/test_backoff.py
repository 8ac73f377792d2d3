"""The waits between attempts grow to a ceiling, and are spread by chance."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from sse_gateway.sources.supervisor import Backoff


def test_the_wait_is_anything_between_nothing_and_the_ceiling() -> None:
    chances = iter([0.0, 0.25, 1.0])
    backoff = Backoff(random=lambda: next(chances))
    assert [backoff.next(0) for _ in range(3)] == [0.0, 0.25, 2.0]


@given(st.lists(st.floats(0, 1e6)), st.integers())
def test_it_never_waits_longer_than_its_most(lasted: list[float], seed: int) -> None:
    backoff = Backoff(first=0.1, most=5, healthy=10, random=random.Random(seed).random)
    assert all(0 <= backoff.next(seconds) <= 5 for seconds in lasted)
