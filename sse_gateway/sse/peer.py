"""Peers that take nothing. ASGI has no way to close their connections, so the engine resets the sockets itself."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

if sys.platform != "win32":
    import fcntl
    import termios

Peer = tuple[str, int]
"""Address and port of a client."""

_DESCRIPTORS = "/dev/fd"  # Linux, macOS and the BSDs
_RESET = struct.pack("ii", 1, 0)
_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)


def peer_of(scope: Mapping[str, Any]) -> Peer | None:
    """The client of a request, if it came over TCP and the server says who it is."""
    host, port = scope.get("client") or ("", 0)
    return (host, int(port)) if host and port else None  # granian gives the port as text


def reset(peers: Collection[Peer], *, queued: bool = False) -> int:
    """Reset the connections of this process to `peers`, and return how many there were. `queued`: only those for which the
    kernel still has bytes that the peer has not read.

    A server flushes before it closes, so a client that reads nothing would keep its socket, and what is queued for it. The
    sockets are found among the descriptors of the process. That takes 20 µs for each descriptor: call it in a worker
    thread, for many peers at once. Where there is no /dev/fd, nothing is found.
    """
    found = 0
    for connection in _sockets():
        with connection, suppress(OSError):  # the peer, or the kernel's own timeout, may be quicker
            address = connection.getpeername()
            if isinstance(address, tuple) and address[:2] in peers and (_unread(connection) or not queued):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                connection.shutdown(socket.SHUT_RDWR)
                found += 1
    return found


class Resets:
    """The peers of one event loop that are to be reset. They are gathered for `delay` seconds at least, and reset together
    in a worker thread."""

    def __init__(self, delay: float, others: Callable[[], set[Peer | None]], *, queued: bool) -> None:
        """`others` gives the peers that have other streams, which then stay. `queued` as in `reset`."""
        self._delay = delay
        self._others = others
        self._queued = queued
        self._new: set[Peer] = set()
        self._due: set[Peer] = set()

    def add(self, loop: asyncio.AbstractEventLoop | None, peer: Peer | None) -> None:
        """Reset this one too, from that loop."""
        if loop is not None and peer is not None:
            if not (self._new or self._due):
                loop.call_later(self._delay, self._tick, loop)
            self._new.add(peer)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        due, self._due, self._new = self._due - self._others(), self._new, set()
        if due:
            loop.run_in_executor(None, partial(reset, due, queued=self._queued))
        if self._due:
            loop.call_later(self._delay, self._tick, loop)


def drop_frozen_clients(after: float) -> int:
    """Let the kernel drop clients that acknowledge nothing for `after` seconds, and return how many listening sockets were
    told. For clients that vanished without a word (Wi-Fi off), which no write notices before their buffers are full.

    To be called once the server listens, at the first request for example. It holds for every connection that is
    accepted from then on, whatever it serves. Linux only; elsewhere it does nothing.
    """
    if _USER_TIMEOUT is None:
        return 0
    told = 0
    for listener in _sockets():
        with listener:
            if listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and _is_tcp(listener):
                listener.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, round(after * 1000))
                told += 1
    return told


def _sockets() -> Iterator[socket.socket]:
    """A duplicate of every socket of the process."""
    for name in os.listdir(_DESCRIPTORS) if os.path.isdir(_DESCRIPTORS) else ():
        try:
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                yield socket.socket(fileno=os.dup(int(name)))
        except OSError:
            continue  # closed meanwhile


def _unread(connection: socket.socket) -> int:
    unread: int = struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0]
    return unread


def _is_tcp(found: socket.socket) -> bool:
    return found.family in (socket.AF_INET, socket.AF_INET6) and found.type == socket.SOCK_STREAM
