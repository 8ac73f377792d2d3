"""Notices are values: a test or a cache may compare them."""

from __future__ import annotations

from sse_gateway.core import Gap, Reset


def test_notices_that_say_the_same_are_equal() -> None:
    assert Reset("orders", "epoch") == Reset("orders", "epoch")
    assert Gap("a", "orders", "evicted", True, {"0": 1}, {"0": 2}) == Gap(
        "a", "orders", "evicted", True, {"0": 1}, {"0": 2}
    )
    assert Gap("a", "orders", "evicted", True, {"0": 1}, {"0": 2}) != Gap(
        "a", "orders", "evicted", False, {"0": 1}, {"0": 2}
    )
