"""The address under which a client is counted, and the answers to clients that are turned away.

In all browsers an EventSource never reconnects after a 503 or 429. So it is answered 200, with a stream that tells it when to
reconnect and ends. To the EventSource that is a lost connection. Other clients are answered 503 or 429.
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
"""A subscriber of an IPv6 network gets a /64 or more (RFC 6177), so a /64 counts like one IPv4 address."""
_WITH_PORT = re.compile(r"\[(.+)\](?::\d+)?|([^:]+):\d+")
"""An address with a port, as Azure and other proxies write it."""
_STATUS = {
    "limit": (503, "the limit of clients is reached"),
    "address": (429, "the limit of clients from one address is reached"),
    "draining": (503, "the gateway shuts down"),
}


class TrustedProxies:
    """The addresses and networks whose X-Forwarded-For is used. Anyone can send that header, so by default none is trusted."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = tuple(ip_network(network, strict=False) for network in networks)

    def client(self, scope: Scope) -> str:
        """The address under which a request is counted: an IPv4 address, the /64 of an IPv6 address, or "" if the request
        has no address (a Unix socket)."""
        address = _parse(scope["client"][0]) if scope["client"] else None
        if address is not None and self._trusts(address):
            address = self._forwarded(Headers(scope=scope).getlist("x-forwarded-for"), address)
        return _unit(address) if address is not None else ""

    def _forwarded(self, headers: Sequence[str], peer: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
        """The last hop that is not a trusted proxy. The hops to its left may be forged."""
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
    # A dual-stack socket shows IPv4 peers as IPv4-mapped addresses.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _unit(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address), _SUBSCRIBER_PREFIX), strict=False))


def headers(format: Format) -> dict[str, str]:
    """The headers that the gateway adds to a stream. No cache or proxy may store or transform the body."""
    return {"content-type": format.media_type, "cache-control": "no-cache, no-store, no-transform"}


def turn_away(reason: str, scope: Scope, *, status_only: bool, retry: float) -> Response:
    """The answer to a client that is turned away. `reason` is `limit`, `address` or `draining`.

    The client is told to reconnect after `retry` to twice `retry` seconds. The jitter spreads clients that were turned away
    together."""
    seconds = jittered(retry)
    if not status_only and names(Headers(scope=scope).get("accept", ""), EVENT_STREAM.media_type):
        event = EVENT_STREAM.control("gateway.busy", {"reason": reason}, retry=seconds)
        return Response(event, headers=stream_headers(headers(EVENT_STREAM)))
    status, detail = _STATUS[reason]
    return problem(Problem(status, detail, {"retry-after": str(math.ceil(seconds))}), path=scope["path"])
