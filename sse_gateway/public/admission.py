"""Which address a client is counted under, and the answers to those who can't be served now.

An EventSource that is answered 503 or 429 gives up for good, in all browsers. So one is answered 200, told when to come back,
and the stream ends: to it that is a lost connection. Everybody else gets the status that HTTP has for it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from ..connector import Problem, problem
from ..sse.response import stream_headers
from ..sse.stream import jittered
from ..sse.wire import EVENT_STREAM, Format
from .request import names

_SUBSCRIBER_PREFIX = 64
"""One subscriber of an IPv6 network is given a /64 or more (RFC 6177), so a /64 is what one IPv4 address was."""
_WITH_PORT = re.compile(r"\[(.+)\](?::\d+)?|([^:]+):\d+")
"""As some proxies write a hop, Azure's among them."""
_STATUS = {
    "limit": (503, "the limit of clients is reached"),
    "address": (429, "the limit of clients from one address is reached"),
    "draining": (503, "the gateway shuts down"),
}


class TrustedProxies:
    """Whose X-Forwarded-For is believed: addresses and networks. Anybody can send that header, so nobody is by default."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = tuple(ip_network(network, strict=False) for network in networks)

    def client(self, scope: Scope) -> str:
        """The address that a request is counted under: an IPv4 address, the /64 of an IPv6 one, or "" where there is none
        (a Unix socket)."""
        address = _parse(scope["client"][0]) if scope["client"] else None
        if address is not None and self._trusts(address):
            address = self._forwarded(Headers(scope=scope).getlist("x-forwarded-for"), address)
        return _unit(address) if address is not None else ""

    def _forwarded(self, headers: Sequence[str], peer: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
        """The last hop that no trusted proxy vouches for. What stands to its left may be invented."""
        for hop in reversed(",".join(headers).split(",")):
            written = _WITH_PORT.fullmatch(hop.strip())
            address = _parse(written[1] or written[2] if written else hop.strip())
            if address is None:
                break
            peer = address
            if not self._trusts(address):
                break
        return peer

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._networks)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A dual-stack socket shows IPv4 peers so.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _unit(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address), _SUBSCRIBER_PREFIX), strict=False))


def headers(format: Format) -> dict[str, str]:
    """The headers of a stream that are the gateway's own: nothing on the way may store, transform or buffer the body."""
    return {"content-type": format.media_type, "cache-control": "no-cache, no-store, no-transform"}


def put_off(reason: str, *, accept: str, status_only: bool, retry: float, path: str) -> Response:
    """Come back in `retry` to twice as many seconds; spread, so that those who were put off together don't return so.
    `reason` is `limit`, `address` or `draining`."""
    seconds = jittered(retry)
    if names(accept, EVENT_STREAM.media_type) and not status_only:
        event = EVENT_STREAM.control("gateway.busy", {"reason": reason}, retry=seconds)
        return Response(event, headers=stream_headers(headers(EVENT_STREAM)))
    status, detail = _STATUS[reason]
    return problem(Problem(status, detail, {"retry-after": str(math.ceil(seconds))}), path=path)
