"""A bug in a part of the gateway."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import anyio

from .gateway import curl, running, until

BUGGY = (sys.executable, str(Path(__file__).with_name("buggy.py")))
CONFIG = """
[drain]
delay = "100ms"
spread = "100ms"
timeout = "1s"
[sources.broken]
channel = "broken"
[sources.broken.CONNECTOR]
[[routes]]
path = "/events"
channels = ["broken"]
"""
FAILING, BLOCKING = CONFIG.replace("CONNECTOR", "failing"), CONFIG.replace("CONNECTOR", "blocking")


async def test_a_bug_in_a_source_is_logged_with_its_traceback_and_everybody_gets_a_farewell(tmp_path: Path) -> None:
    async with running(tmp_path, FAILING, BUGGY) as gateway, anyio.create_task_group() as group:
        reader = curl(group, f"{gateway.public}/events")
        line = await gateway.logged("unexpected error, shutting down")
        assert await gateway.process.wait() == 1
        await until(lambda: reader.code is not None)

    assert line["part"] == "source broken"
    assert "ZeroDivisionError: a bug" in line["traceback"]
    assert (reader.code, b"event: gateway.bye" in reader.output) == (0, True)


async def test_a_loop_that_is_stuck_in_the_drain_is_ended_with_its_stacks_printed(tmp_path: Path) -> None:
    async with running(tmp_path, BLOCKING, BUGGY) as gateway:
        gateway.terminate()
        with anyio.fail_after(40):  # less than the loop is stuck; drain.timeout and the watchdog's patience are 3 s
            assert await gateway.process.wait() == 1
        await gateway.logged("end")

    assert any("buggy.py" in line.get("text", "") for line in gateway.lines)


async def test_a_second_signal_ends_also_a_loop_that_is_stuck(tmp_path: Path) -> None:
    async with running(tmp_path, BLOCKING.replace('timeout = "1s"', 'timeout = "50s"'), BUGGY) as gateway:
        gateway.terminate()
        await until(lambda: any(line.get("stage") == "closing" for line in gateway.lines))
        gateway.terminate()
        with anyio.fail_after(40):
            assert await gateway.process.wait() == 128 + signal.SIGTERM
