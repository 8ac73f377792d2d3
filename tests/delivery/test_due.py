"""What falls due while nothing is published, on a clock of the test's."""

from __future__ import annotations

import pytest

from ..golden.public import ids, public

pytestmark = pytest.mark.anyio


async def test_a_client_that_waits_for_this_replica_gets_heartbeats_too() -> None:
    """Its connection is as silent as that of others, for up to five seconds after its opening."""
    async with public('[limits]\nheartbeat = "2s"') as scene:
        start = ids(await scene.ask("/events/a"))[0]
        wire = await scene.ask("/events/a", id=start.replace("-0", "-3"))
        opening = wire.body
        await scene.pass_time(2)
        assert wire.body == opening
        await scene.pass_time(0.1)
        assert wire.body == opening + b":\n\n"
        await scene.pass_time(2)
        assert wire.body == opening + b":\n\n"
        await scene.pass_time(0.1)
        assert wire.body == opening + b":\n\n:\n\n"
