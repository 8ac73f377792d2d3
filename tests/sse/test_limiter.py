"""How many streams may be open, in total and from one address."""

from __future__ import annotations

import pytest

from sse_gateway.sse import ConnectionLimiter


def test_clients_beyond_the_limit_are_refused_until_one_leaves() -> None:
    limiter = ConnectionLimiter(2)

    assert [limiter.admit("a"), limiter.admit("b"), limiter.admit("c")] == [None, None, "limit"]
    limiter.leave("a")
    assert limiter.admit("c") is None
    assert limiter.open == 2


def test_one_address_has_its_own_limit() -> None:
    limiter = ConnectionLimiter(10, max_per_address=1)

    assert [limiter.admit("a"), limiter.admit("a"), limiter.admit("b")] == [None, "address", None]
    limiter.leave("a")
    assert limiter.admit("a") is None


def test_a_refused_client_counts_nowhere() -> None:
    limiter = ConnectionLimiter(10, max_per_address=1)
    limiter.admit("a")
    limiter.admit("a")
    limiter.leave("a")

    assert limiter.open == 0
    assert limiter.admit("a") is None


@pytest.mark.parametrize("limit", [1, None])
def test_addresses_that_left_are_forgotten(limit: int | None) -> None:
    limiter = ConnectionLimiter(10, max_per_address=limit)
    for number in range(1000):
        limiter.admit(str(number))
        limiter.leave(str(number))

    assert not limiter._addresses


def test_clients_without_an_address_share_only_the_total() -> None:
    limiter = ConnectionLimiter(2, max_per_address=1)

    assert [limiter.admit(""), limiter.admit(""), limiter.admit("")] == [None, None, "limit"]
