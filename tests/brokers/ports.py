"""Ports for servers that the tests start, stop and start again."""

from __future__ import annotations

import contextlib
import os
import random
import socket

import anyio

# Below the range from which the kernel takes the local ports of outgoing connections (32768 on Linux): a port that is
# free while its broker is down must not be taken by a client that happens to connect somewhere.
_ALL = range(20_000, 32_000)
_WORKERS = 12


def _range() -> range:
    """A part of the range for each worker of a run: what one has chosen and does not use yet, no other one takes."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1").removeprefix("gw")) + 1
    return _ALL[worker % _WORKERS :: _WORKERS]


def free_ports(count: int) -> list[int]:
    """`count` different ports of 127.0.0.1 on which nothing listens now."""
    with contextlib.ExitStack() as stack:
        ports = _range()
        found: list[int] = []
        for port in random.sample(ports, len(ports)):
            listener = stack.enter_context(socket.socket())
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
            if len(found) == count:
                return found
        raise RuntimeError(f"no {count} free ports on 127.0.0.1 in {ports}")


async def listening(port: int) -> None:
    """Wait until somebody listens there, which no event of ours tells."""
    with anyio.fail_after(150):
        while True:
            try:
                async with await anyio.connect_tcp("127.0.0.1", port):
                    return
            except OSError:
                await anyio.sleep(0.05)
