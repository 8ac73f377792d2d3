"""Ports for servers that the tests start, stop and start again."""

from __future__ import annotations

import contextlib
import random
import socket

__all__ = ["free_ports"]

# Below the range from which the kernel takes the local ports of outgoing connections (32768 on Linux): a port that is
# free while its broker is down must not be taken by a client that happens to connect somewhere.
_RANGE = range(20_000, 32_000)


def free_ports(count: int) -> list[int]:
    """`count` different ports of 127.0.0.1 on which nothing listens now."""
    with contextlib.ExitStack() as stack:
        found: list[int] = []
        for port in random.sample(_RANGE, len(_RANGE)):
            listener = stack.enter_context(socket.socket())
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
            if len(found) == count:
                return found
        raise RuntimeError(f"no {count} free ports on 127.0.0.1 in {_RANGE}")
