"""A gateway that was started without standard streams."""

from __future__ import annotations

import socket
from pathlib import Path

import anyio

from .gateway import COMMAND, Gateway

CONFIG = """
[drain]
delay = "0s"
spread = "0s"
timeout = "5s"
[sources.ticks]
channel = "ticks"
[sources.ticks.generate]
"""


async def test_it_drains_where_its_standard_streams_are_closed(tmp_path: Path) -> None:
    """Their descriptors are not given to sockets either, which would then get what is meant for a log."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = tmp_path / "gateway.toml"
    file.write_text(f"[server]\nport = 0\n[admin]\nport = {port}\n{CONFIG}")
    with anyio.fail_after(150):
        command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *COMMAND, str(file)]
        async with await anyio.open_process(command, stdin=None, stdout=None, stderr=None) as process:
            gateway = Gateway(process, admin=f"http://127.0.0.1:{port}")
            try:
                await answers(gateway)
                streams = standard_streams(process.pid)
                gateway.terminate()
                assert await process.wait() == 0
            finally:
                if process.returncode is None:
                    process.kill()
    assert streams == [Path("/dev/null")] * 3


def standard_streams(process: int) -> list[Path]:
    return [Path(f"/proc/{process}/fd/{number}").readlink() for number in range(3)]


async def answers(gateway: Gateway) -> None:
    while True:
        try:
            await gateway.ready()
            return
        except OSError:
            await anyio.sleep(0.01)  # it does not listen yet, and has no way to tell
