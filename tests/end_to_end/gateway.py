"""A gateway as its users have it: a process of its own, with a file."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import Any
from urllib.parse import urlsplit

import anyio
from anyio.abc import Process, TaskGroup
from anyio.streams.text import TextReceiveStream

COMMAND = (str(Path(sys.executable).with_name("sse-gateway")), "serve")
PORTS = '[logs]\nformat = "json"\n[admin]\nport = 0\n[server]\nport = {port}\n'


@dataclass
class Gateway:
    """A running one. `lines` are what it has logged."""

    process: Process
    lines: list[dict[str, Any]] = field(default_factory=list)
    news: anyio.Event = field(default_factory=anyio.Event)
    public: str = ""
    admin: str = ""

    async def logged(self, message: str) -> dict[str, Any]:
        """Wait for a line with this message."""
        while True:
            if found := [line for line in self.lines if line.get("message") == message]:
                return found[0]
            await self.news.wait()

    async def listen(self) -> None:
        """Collect the lines, until the process ends."""
        assert self.process.stdout
        rest = ""
        async for text in TextReceiveStream(self.process.stdout):
            *lines, rest = (rest + text).split("\n")
            self.lines += [_parse(line) for line in lines]
            self._wake()
        self.lines.append({"message": "end"})
        self._wake()

    def _wake(self) -> None:
        self.news.set()
        self.news = anyio.Event()

    async def get(self, url: str) -> tuple[int, str]:
        """Status and body of a GET, without a client library."""
        parts = urlsplit(url)
        async with await anyio.connect_tcp(parts.hostname or "", parts.port or 80) as stream:
            await stream.send(f"GET {parts.path} HTTP/1.0\r\nHost: gateway\r\n\r\n".encode())
            answer = b"".join([chunk async for chunk in stream])
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()

    async def ready(self) -> dict[str, Any]:
        """Wait until `/readyz` says so, and return what it says."""
        while True:
            status, body = await self.get(f"{self.admin}/readyz")
            if status == 200:
                return dict(json.loads(body))

    async def metrics(self) -> str:
        """All metrics as they are scraped."""
        return (await self.get(f"{self.admin}/metrics"))[1]

    async def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        lines = [
            line.rsplit(" ", 1)
            for line in (await self.metrics()).splitlines()
            if line.partition("{")[0].partition(" ")[0] == name
        ]
        return sum(float(value) for _, value in lines)

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)


def _parse(line: str) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except ValueError:
        return {"text": line}


@asynccontextmanager
async def running(
    directory: Path, text: str, command: Sequence[str] = COMMAND, *, port: int = 0, ready: bool = True
) -> AsyncIterator[Gateway]:
    """A gateway with `text` as its file, which begins within [server]; by default on free ports, with logs that can be read,
    and by default waited for until it is ready. Killed at the end if it still runs."""
    file = directory / "gateway.toml"
    file.write_text(PORTS.format(port=port) + text)
    with anyio.fail_after(240):  # less than pytest's own limit, which ends all of the run's tests
        async with (
            await anyio.open_process([*command, str(file)], stdout=PIPE, stderr=STDOUT) as process,
            anyio.create_task_group() as group,
        ):
            gateway = Gateway(process)
            group.start_soon(gateway.listen)
            try:
                serving = await gateway.logged("serving")
                gateway.public, gateway.admin = serving["public"], serving["admin"]
                if ready:
                    await gateway.ready()
                yield gateway
            finally:
                if process.returncode is None:
                    process.kill()


@dataclass
class Curl:
    """One curl. `output` grows while it runs; `code` is its exit status, None until then."""

    output: bytes = b""
    code: int | None = None

    async def run(self, arguments: tuple[str, ...]) -> None:
        async with await anyio.open_process(["curl", "-sSN", *arguments], stdout=PIPE, stderr=STDOUT) as process:
            assert process.stdout
            async for chunk in process.stdout:
                self.output += chunk
            self.code = await process.wait()


def curl(group: TaskGroup, *arguments: str) -> Curl:
    """Start a curl in the group."""
    one = Curl()
    group.start_soon(one.run, arguments)
    return one


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that nobody tells of."""
    while not condition():  # other processes and the kernel set no event of ours
        await anyio.sleep(0.01)


def complete(output: bytes) -> bool:
    """Whether there are numbered events of `generate`, of which none is missing, repeated or out of order."""
    numbers = [int(part.split(b",")[0]) for part in output.split(b'"seq":')[1:]]
    return numbers != [] and numbers == list(range(numbers[0], numbers[-1] + 1))
