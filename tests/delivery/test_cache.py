"""The cache of wire forms."""

from __future__ import annotations

import pytest

from sse_gateway.delivery.joins import Cache


@pytest.mark.parametrize(("entries", "size"), [(10, 10**9), (10**9, 1000)])
def test_it_keeps_the_latest_and_is_bounded_by_entries_and_by_bytes(entries: int, size: int) -> None:
    """Two generations of ten entries of a hundred bytes, whichever bound is met first."""
    cache = Cache(entries=entries, size=size)
    for number in range(1000):
        cache.put(number, bytes(100))

    kept = [number for number in range(1000) if cache.get(number)]

    assert kept == list(range(980, 1000))
