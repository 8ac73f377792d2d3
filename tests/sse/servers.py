"""Real servers in processes of their own, with the application of these tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
from anyio import to_thread

from ..brokers.ports import free_ports

ROOT = Path(__file__).parents[2]
GRANIAN = ["granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", "{port}"]
UVICORN = ["uvicorn", "--host", "127.0.0.1", "--port", "{port}"]

COMMANDS = {
    "granian": [*GRANIAN, "--loop", "asyncio"],
    "granian-uvloop": [*GRANIAN, "--loop", "uvloop"],
    "granian-workers": [*GRANIAN, "--loop", "uvloop", "--workers", "2"],
    "granian-mt": [*GRANIAN, "--loop", "asyncio", "--runtime-mode", "mt"],
    "uvicorn": [*UVICORN, "--loop", "asyncio"],
    "uvicorn-uvloop": [*UVICORN, "--loop", "uvloop"],
    "uvicorn-workers": [*UVICORN, "--loop", "asyncio", "--workers", "2"],
    "hypercorn": ["hypercorn", "--bind", "127.0.0.1:{port}"],
    "embedded": ["python", "-m", "tests.sse.embedded", "{port}"],
    "daphne": ["daphne", "-b", "127.0.0.1", "-p", "{port}"],
}
APPLICATION = "tests.sse.application:app"
BOTH = ["granian", "granian-uvloop", "uvicorn", "uvicorn-uvloop"]
"""The two servers that a claim is shown on, each on both event loops."""


@dataclass
class Server:
    """A server's process. What it and the application print is in its log."""

    process: subprocess.Popen[bytes]
    port: int
    path: Path
    _seen: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self.path.read_text()[self._seen :]

    def forget(self) -> None:
        """From now on the log is what comes."""
        self._seen += len(self.log)

    async def logged(self, text: str, times: int = 1, within: float = 30) -> None:
        """Wait until the log has this text so often."""
        await until(lambda: self.log.count(text) >= times, within, lambda: f"{text!r} is not in the log:\n{self.log}")

    def kill(self) -> None:
        """As a crash does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def terminate(self, number: int = signal.SIGTERM) -> None:
        """Ask it to stop, as an orchestrator does."""
        self.process.send_signal(number)

    async def blocked(self) -> None:
        """Wait until one of its clients takes nothing more."""
        await self.counts("blocked", 1)

    async def counts(self, name: str, least: int) -> None:
        """Wait until it has counted so many."""
        async with httpx.AsyncClient(base_url=self.url) as client:
            with anyio.fail_after(30):
                while (await client.get("/counts")).json()[name] < least:
                    await anyio.sleep(0.02)

    async def exited(self, within: float = 15) -> int:
        """Wait until it has exited by itself; its exit code. A server that is held never does, so the bound is for that alone."""
        await until(lambda: self.process.poll() is not None, within, lambda: f"it still runs:\n{self.log}")
        return self.process.returncode

    def resident(self) -> int:
        """Kibibytes of memory, with its workers'."""
        listing = subprocess.run(["ps", "-o", "rss=", "-g", str(self.process.pid)], capture_output=True, check=True)
        return sum(map(int, listing.stdout.split()))

    def holds(self, peer_port: int) -> bool:
        """Whether the kernel still has the server's end of the connection from this port, in whatever state."""
        ends = (line.split()[1:3] for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        return any((int(local[-4:], 16), int(peer[-4:], 16)) == (self.port, peer_port) for local, peer in ends)


def frozen(server: Server, path: str) -> socket.socket:
    """A client that asks and then never reads."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", server.port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
    return client


async def until(condition: Callable[[], bool], within: float, complaint: Callable[[], str]) -> None:
    """Look again and again, because another process says nothing when it changes."""
    with anyio.move_on_after(within):
        while not condition():
            await anyio.sleep(0.01)
    assert condition(), complaint()


@asynccontextmanager
async def running(
    name: str, directory: Path, *, port: int | None = None, app: str = APPLICATION
) -> AsyncIterator[Server]:
    """One of `COMMANDS` with an application; killed at the end if it still runs."""
    port = port or free_ports(1)[0]
    path = directory / f"{name}-{port}.log"
    command = [part.format(port=port) for part in COMMANDS[name]]
    command[0] = str(Path(sys.executable).parent / command[0])
    with path.open("wb") as log:
        process = subprocess.Popen(
            [*command, app],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
    server = Server(process, port, path)
    try:
        await until(lambda: _listens(port) or process.poll() is not None, 60, lambda: server.log)
        if app == APPLICATION and name != "daphne":  # which has no lifespan
            await server.logged("lifespan: startup", times=2 if "--workers" in command else 1)
        yield server
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        await to_thread.run_sync(process.wait)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
