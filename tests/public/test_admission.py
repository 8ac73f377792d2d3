"""Which address a client is counted under."""

from __future__ import annotations

import pytest

from sse_gateway.public.admission import TrustedProxies

from .asgi import scope


def counted(proxies: TrustedProxies, peer: str, forwarded: str | None = None) -> str:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return proxies.client(scope("GET", "/", headers, peer))


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("", ""),
    ],
)
def test_ipv6_is_counted_by_64_bits_and_ipv4_by_address(peer: str, expected: str) -> None:
    assert counted(TrustedProxies([]), peer) == expected


def test_a_request_without_a_peer_has_no_address() -> None:
    assert TrustedProxies(["10.0.0.0/8"]).client({**scope("GET", "/", {}, ""), "client": None}) == ""


def test_nobody_is_believed_by_default() -> None:
    assert counted(TrustedProxies([]), "192.0.2.7", "198.51.100.1") == "192.0.2.7"


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("203.0.113.9, 198.51.100.1", "198.51.100.1"),  # the left one may be invented
        ("198.51.100.1, 10.1.1.1, 10.2.2.2", "198.51.100.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("198.51.100.1:50000, 10.1.1.1:443", "198.51.100.1"),
        ("[2001:db8::1]:50000", "2001:db8::/64"),
        ("[2001:db8::1]", "2001:db8::/64"),
        ("10.1.1.1", "10.1.1.1"),
        ("unknown", "10.0.0.1"),
        ("unknown, 10.1.1.1", "10.1.1.1"),
        ("198.51.100.1, garbage, 10.1.1.1", "10.1.1.1"),  # nobody vouches for what stands left of what can't be read
        ("198.51.100.1, garbage", "10.0.0.1"),
        ("", "10.0.0.1"),
    ],
)
def test_a_trusted_proxy_is_believed_up_to_the_first_hop_that_is_not_trusted(forwarded: str, expected: str) -> None:
    assert counted(TrustedProxies(["10.0.0.0/8"]), "10.0.0.1", forwarded) == expected


def test_a_proxy_that_is_not_listed_is_not_believed() -> None:
    assert counted(TrustedProxies(["10.0.0.1"]), "10.0.0.2", "198.51.100.1") == "10.0.0.2"
