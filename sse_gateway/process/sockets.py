"""What the process takes from the system: listening sockets, file descriptors, standard streams."""

from __future__ import annotations

import errno
import os
import resource
import socket
import sys

from ..errors import ConfigError

BACKLOG = 4096
"""Connections that wait to be accepted: as many as Linux allows (net.core.somaxconn), because after a drain all clients
reconnect within seconds."""
_NOTSENT_LOWAT = 65536
"""One join. The kernel buffers no more unsent bytes than this for a peer. Measured: a stuck client then takes 0.5 MB, and
4 MB without this option."""
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""A silent peer that has vanished is noticed after one minute. NAT tables drop idle connections after two or more."""
_TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)  # Python names it from 3.12 on
_LONGEST = 2**31 - 1  # milliseconds: 24 days
_WAYS_OUT = {
    errno.EADDRINUSE: "is another gateway running?",
    errno.EADDRNOTAVAIL: "expected an address of this machine",
    errno.EACCES: "ports below 1024 need a privilege",
}


def listen(host: str, port: int, *, section: str, send_timeout: float | None = None) -> socket.socket:
    """A listening socket. Accepted connections inherit its options. The kernel drops a peer that acknowledges nothing, or
    keeps its window closed, for `send_timeout` seconds. Blocks: call it before the loop starts.

    Raises:
        ConfigError: the gateway can't listen on the address. The error names `[section]`.
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
    text = os.strerror(error.errno or 0)  # str(error) repeats the address
    return f"{text}; {_WAYS_OUT[error.errno]}" if error.errno in _WAYS_OUT else text


def raise_descriptor_limit(wanted: int) -> int:
    """Raise the limit of open files to `wanted`, or as far as the system allows, and return the limit. Each client takes
    one. The usual limit of 1024 exists for programs that use select()."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if allowed > soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        return allowed
    return soft


def open_standard_streams() -> None:
    """Open /dev/null for each standard stream that was closed when the process started. Otherwise the next socket gets its
    descriptor, and receives what is written to standard error. Call it once, before anything is opened."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r+"))
