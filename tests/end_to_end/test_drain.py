"""SIGTERM, with clients that listen and one that does not."""

from __future__ import annotations

import signal
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest

from .gateway import Gateway, complete, curl, running, until
from .slow_client import SlowClient

CONFIG = """
[drain]
delay = "1s"
spread = "2s"
timeout = "60s"
[limits]
send_timeout = "2s"
[sources.hook]
channel = "hook"
[sources.hook.webhook]
path = "/hook"
[sources.ticks]
channel = "ticks"
[sources.ticks.generate]
rate = 5.0
[sources.heavy]
channel = "heavy"
[sources.heavy.generate]
rate = 20.0
size = "60KB"
[[routes]]
path = "/events/{name}"
channels = ["{path.name}"]
"""


def last_event(output: bytes) -> list[bytes]:
    return output.rstrip(b"\n").split(b"\n\n")[-1].splitlines()


async def test_200_curls_get_their_farewell_and_one_that_never_reads_holds_nobody_up(tmp_path: Path) -> None:
    async with running(tmp_path, CONFIG) as gateway, anyio.create_task_group() as group:
        with SlowClient(gateway, "/events/heavy"):
            curls = [curl(group, f"{gateway.public}/events/ticks") for _ in range(200)]
            await until(lambda: all(b"gateway.at" in each.output for each in curls))
            gateway.terminate()
            with anyio.fail_after(50):  # less than the drain's timeout
                assert await gateway.process.wait() == 0
            await until(lambda: all(each.code is not None for each in curls))

    assert {each.code for each in curls} == {0}
    for each in curls:
        fields = last_event(each.output)
        assert b"event: gateway.bye" in fields and b'data: {"reason":"drain"}' in fields
        assert any(field.startswith(b"retry: ") for field in fields)
        assert any(field.startswith(b"id: 1.") for field in fields)
        assert complete(each.output)


async def test_readiness_is_off_first_while_streams_still_open_and_move(tmp_path: Path) -> None:
    async with running(tmp_path, CONFIG) as gateway, anyio.create_task_group() as group:
        gateway.terminate()
        while (await gateway.get(f"{gateway.admin}/readyz"))[0] != 503:
            pass
        late = curl(group, f"{gateway.public}/events/ticks")
        await until(lambda: late.output.count(b"\ndata: ") >= 2)
        assert await gateway.metric("sse_gateway_drain_stage") == 1
        assert await gateway.process.wait() == 0

    assert b"event: gateway.bye" in last_event(late.output)


async def test_the_stages_are_logged_in_their_order_and_metrics_are_served_to_the_end(tmp_path: Path) -> None:
    async with running(tmp_path, CONFIG) as gateway, anyio.create_task_group() as group:
        curl(group, f"{gateway.public}/events/ticks")
        while await gateway.metric("sse_gateway_clients") != 1:
            pass
        gateway.terminate(signal.SIGINT)
        while await gateway.metric("sse_gateway_drain_stage") < 3:
            pass
        assert await gateway.process.wait() == 0
        await gateway.logged("end")

    stages = [line["stage"] for line in gateway.lines if line.get("message") == "drain"]
    assert stages == ["unready", "closing", "farewells", "sources", "done"]
    assert [line for line in gateway.lines if line.get("level") in ("warning", "error", "critical")] == []


async def test_what_was_answered_2xx_before_the_drain_is_delivered_before_the_farewell(tmp_path: Path) -> None:
    async with running(tmp_path, CONFIG) as gateway, anyio.create_task_group() as group:
        reader = curl(group, f"{gateway.public}/events/hook")
        await until(lambda: b"gateway.at" in reader.output)
        gateway.terminate()
        accepted = 0
        while await posted(gateway, accepted):
            accepted += 1
        assert await gateway.process.wait() == 0
        await until(lambda: reader.code is not None)

    numbers = [
        int(line[6:]) for line in reader.output.splitlines() if line.startswith(b"data: ") and line[6:].isdigit()
    ]
    assert accepted > 0
    assert numbers[:accepted] == list(range(accepted))


async def posted(gateway: Gateway, number: int) -> bool:
    """Whether the hook took it."""
    parts = urlsplit(gateway.public)
    body = str(number)
    request = f"POST /hook HTTP/1.0\r\nHost: x\r\ncontent-type: text/plain\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    try:
        async with await anyio.connect_tcp(parts.hostname or "", parts.port or 0) as stream:
            await stream.send(request.encode())
            answer = await stream.receive()
    except (OSError, anyio.EndOfStream, anyio.BrokenResourceError):
        return False
    return answer.split()[1].startswith(b"2")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_at_once(tmp_path: Path, number: signal.Signals) -> None:
    config = CONFIG.replace('delay = "1s"', 'delay = "60s"').replace('timeout = "60s"', 'timeout = "90s"')
    async with running(tmp_path, config) as gateway:
        gateway.terminate()
        await gateway.logged("draining, a second signal exits immediately")
        gateway.terminate(number)
        with anyio.fail_after(50):  # less than the drain's delay
            assert await gateway.process.wait() == 128 + number
