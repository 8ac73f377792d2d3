"""Clients that read nothing. ASGI can't close a connection, so the engine resets the sockets itself."""

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
    """The client of a request, if it uses TCP and the server reports its address."""
    host, port = scope.get("client") or ("", 0)
    return (host, int(port)) if host and port else None  # granian reports the port as text


def reset(peers: Collection[Peer], *, queued: bool = False) -> int:
    """Reset the connections of this process to `peers`, and return how many were reset. `queued`: only those for which the
    kernel holds bytes that the peer has not read.

    A server flushes a connection before it closes it, so a client that reads nothing would keep its socket and its queue.
    The sockets are found among the descriptors of the process, which takes 20 µs per descriptor. Call it in a worker thread,
    for many peers at once. Without /dev/fd no connection is found.
    """
    found = 0
    for connection in _sockets():
        with connection, suppress(OSError):  # the peer or a timeout of the kernel has closed it first
            address = connection.getpeername()
            if isinstance(address, tuple) and address[:2] in peers and (_unread(connection) or not queued):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                connection.shutdown(socket.SHUT_RDWR)
                found += 1
    return found


class Resets:
    """The peers of one event loop that are to be reset. They are collected for at least `delay` seconds and then reset
    together in a worker thread."""

    def __init__(self, delay: float, others: Callable[[], set[Peer | None]], *, queued: bool) -> None:
        """`others` returns the peers that have open streams; they are not reset. `queued` as in `reset`."""
        self._delay = delay
        self._others = others
        self._queued = queued
        self._new: set[Peer] = set()
        self._due: set[Peer] = set()

    def add(self, loop: asyncio.AbstractEventLoop | None, peer: Peer | None) -> None:
        """Reset this peer too. `loop` is the event loop that these resets belong to."""
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
    """Let the kernel drop clients that acknowledge nothing for `after` seconds. Returns how many listening sockets were set
    so. Without this, a client that vanished without closing its connection (Wi-Fi off) is noticed only when its buffers are
    full.

    Call it when the server listens, for example at the first request. It applies to every connection that is accepted
    later, whatever that serves. It works on Linux only, and does nothing elsewhere.
    """
    if _USER_TIMEOUT is None:
        return 0
    told = 0
    for listener in _sockets():
        with listener:
            tcp = listener.family in (socket.AF_INET, socket.AF_INET6) and listener.type == socket.SOCK_STREAM
            if tcp and listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
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
            continue  # it was closed meanwhile


def _unread(connection: socket.socket) -> int:
    unread: int = struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0]
    return unread
