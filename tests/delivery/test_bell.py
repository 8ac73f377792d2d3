"""What the fan-out waits for."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from sse_gateway.delivery.bell import Bell

pytestmark = pytest.mark.anyio


async def test_a_ring_before_the_wait_is_not_lost() -> None:
    """And counts once."""
    bell = Bell()
    bell.ring()
    bell.ring()
    with anyio.fail_after(5):
        await bell.wait(3600)
    with anyio.move_on_after(0.01) as scope:
        await bell.wait(3600)
    assert scope.cancelled_caught


async def test_a_ring_ends_the_wait() -> None:
    """Also where it comes twice before the waiter runs."""
    bell = Bell()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bell.wait, 3600)
            await anyio.lowlevel.checkpoint()
            bell.ring()
            bell.ring()


async def test_a_wait_ends_by_itself() -> None:
    """At once where the time is over already."""
    bell = Bell()
    with anyio.fail_after(5):
        await bell.wait(0.001)
        await bell.wait(-1)
