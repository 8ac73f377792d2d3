"""The sockets that the servers listen on."""

from __future__ import annotations

import errno
import os
import resource
import socket

from ..errors import ConfigError

BACKLOG = 4096
"""Connections that wait to be accepted: as many as Linux allows (net.core.somaxconn): after a drain every client comes back within seconds."""
_NOTSENT_LOWAT = 65536
"""One join. The kernel takes no more than this beyond what the peer's window lets it send: measured, a stuck client then
holds 0.5 MB, 4 MB without it."""
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""A silent peer that vanished is noticed after a minute; NAT tables forget connections after two and more."""
_TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)  # Python names it from 3.12 on
_LONGEST = 2**31 - 1  # milliseconds: 24 days
_WAYS_OUT = {
    errno.EADDRINUSE: "is another gateway running?",
    errno.EADDRNOTAVAIL: "expected an address of this machine",
    errno.EACCES: "ports below 1024 need a privilege",
}


def listen(host: str, port: int, *, section: str, send_timeout: float | None = None) -> socket.socket:
    """A socket that listens. Every accepted connection inherits its options, so that the kernel itself drops a peer which
    acknowledges nothing, or keeps its window shut, for `send_timeout` seconds. Blocks: call it before the loop starts.

    Raises:
        ConfigError: the address can't be had; it names `[section]`.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # Not SO_REUSEPORT, which the server would set: a second gateway would silently get every other connection.
        listener = socket.create_server(address[:2], family=family, backlog=BACKLOG, dualstack_ipv6=address[0] == "::")
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            [f"[{section}] host and port: can't listen on {host} port {port}: {_reason(error)}"]
        ) from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _NOTSENT_LOWAT)
    if send_timeout is not None:
        timeout = min(round(send_timeout * 1000), _LONGEST)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout)
    return listener


def _reason(error: OSError | UnicodeError) -> str:
    if not isinstance(error, OSError) or isinstance(error, socket.gaierror):
        return "no such host; expected an address of this machine, or a name of it"
    text = os.strerror(error.errno or 0)  # its own text names the address once more
    return f"{text}; {_WAYS_OUT[error.errno]}" if error.errno in _WAYS_OUT else text


def raise_descriptor_limit(wanted: int) -> int:
    """Allow as many open files as the system lets us, and return how many: each client takes one, and the usual limit of
    1024 is for programs that use select()."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if allowed > soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        return allowed
    return soft
