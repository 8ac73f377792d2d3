"""What is open in this process: the contract compares it before and after."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio import to_thread

__all__ = ["nothing_left"]


def _descriptors() -> dict[str, str]:
    # /dev/fd exists on Linux, macOS and the BSDs; a descriptor may close between the listing and the look
    return {name: _target(name) for name in os.listdir("/dev/fd")}


def _target(name: str) -> str:
    try:
        return os.readlink(f"/dev/fd/{name}")
    except OSError:
        return ""


async def _opened() -> set[str]:
    # in a worker thread, because test runs that forbid blocking calls in the loop count a listing among them
    found = await to_thread.run_sync(_descriptors)
    return {f"{name} -> {target}" for name, target in found.items() if target}


@asynccontextmanager
async def nothing_left(within: float) -> AsyncIterator[None]:
    """Fail unless, at most `within` seconds after the block, no task and no file descriptor is left of what it opened.

    Transports close one loop turn after they are told to, so it looks again until the time is up. What is made once and
    kept counts as left (uvloop keeps a descriptor from its first stream on): do once before what the block is to do.
    """
    await _opened()
    tasks, descriptors = asyncio.all_tasks(), await _opened()
    yield
    left: set[object] = set()
    with anyio.move_on_after(within):
        while True:
            left = {*(asyncio.all_tasks() - tasks), *(await _opened() - descriptors)}
            if not left:
                return
            await anyio.sleep(0.01)
    raise AssertionError(f"left open: {left}")
