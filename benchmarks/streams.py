"""What a stream of the gateway costs, beside the same in another checkout: `python benchmarks/streams.py CHECKOUT [ROUNDS]`.

Each round starts one process for either checkout, in turn. It puts a gateway together in memory, opens 1000 streams over a
`send` that takes everything at once, and measures

- the bytes that Python has allocated for each idle stream,
- the CPU time of a delivery when events come one at a time, and when they come in bursts of 32.

It prints the median of each checkout, the ratio of the medians, and the least and the greatest ratio of a round.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import socket
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Generator
from pathlib import Path
from statistics import median
from typing import Any

CLIENTS = 1000
SINGLES = 500
BURSTS = 150
BURST = 32
ROUNDS = 9

CONFIG = """
[server]
port = 0
[admin]
port = 0
[sources.memory]
channel = "news"
[sources.memory.memory]
[[routes]]
path = "/events"
channels = ["news"]
"""
HEADERS = [
    (b"host", b"127.0.0.1:8080"),
    (b"accept", b"text/event-stream"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
]
BODY = b'{"id":17,"status":"shipped","customer":"Ada Lovelace","total":99.95,"items":[1,2,3,4]}'
LAST = b'{"last":true}'


class Done:
    """What granian's `send` returns when it has taken the message at the call."""

    def __await__(self) -> Generator[Any, None, None]:
        return iter(())  # type: ignore[return-value]


class Clients:
    """The open streams, which take everything at once."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.opened = 0
        self.all_opened = asyncio.Event()
        self.last = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        for number in range(CLIENTS):
            scope = {
                "type": "http",
                "method": "GET",
                "path": "/events",
                "query_string": b"",
                "http_version": "1.1",
                "headers": HEADERS,
                "client": ("127.0.0.1", 10_000 + number),
                "server": ("127.0.0.1", 8080),
                "scheme": "http",
                "root_path": "",
            }
            requests = [{"type": "http.request", "body": b"", "more_body": False}]
            self._tasks.append(asyncio.ensure_future(self._serve(scope, requests, number == CLIENTS - 1)))
        await self.all_opened.wait()
        await asyncio.sleep(0.1)  # the fan-out has its turn with the last one

    def _serve(self, scope: Any, requests: list[Any], last: bool) -> Any:
        gone = asyncio.get_running_loop().create_future()
        done = Done()

        async def receive() -> Any:
            if requests:
                self.opened += 1
                if self.opened == CLIENTS:
                    self.all_opened.set()
                return requests.pop()
            await gone

        def send(message: Any) -> Done:
            if last and LAST in message.get("body", b""):
                self.last.set()
            return done

        return self.app(scope, receive, send)


async def measure(gateway: Any, upstream: Any) -> dict[str, float]:
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(part.run()) for part in (gateway.fanout, *gateway.supervisors.values())]
        clients = Clients(gateway._public_app())
        await asyncio.sleep(0.1)
        gc.collect()
        tracemalloc.start()
        await clients.open()
        gc.collect()
        size = tracemalloc.get_traced_memory()[0] / CLIENTS
        tracemalloc.stop()
        figures = {"bytes of an idle stream": size}
        for what, times, events in (("one at a time", SINGLES, 1), (f"in bursts of {BURST}", BURSTS, BURST)):
            await deliver(clients, upstream, 5, events)
            begun = time.process_time()
            await deliver(clients, upstream, times, events)
            taken = time.process_time() - begun
            figures[f"µs a delivery, {what}"] = taken / times / events / CLIENTS * 1e6
        print(json.dumps(figures), flush=True)
        for task in (*running, *clients._tasks):
            task.cancel()
    return figures


async def deliver(clients: Clients, upstream: Any, times: int, events: int) -> None:
    for _ in range(times):
        clients.last.clear()
        for _ in range(events - 1):
            upstream.put(BODY)
        upstream.put(LAST)
        await clients.last.wait()


def child() -> None:
    """One round of the checkout that stands first on the path."""
    import uvloop

    from sse_gateway.app import Gateway
    from sse_gateway.config import load
    from sse_gateway.testing import MemoryConfig, MemoryConnector, MemoryUpstream

    upstream = MemoryUpstream()

    class Memory(MemoryConnector):
        def __init__(self, config: MemoryConfig, *, name: str) -> None:
            super().__init__(config, name=name, upstream=upstream)

    logging.disable()
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        config = load(CONFIG, {"memory": Memory}, environ={})
        gateway = Gateway(config, {"memory": Memory}, *sockets, clock=runner.get_loop().time)
        runner.run(measure(gateway, upstream))


def run(checkout: Path) -> dict[str, float]:
    program = f"import sys; sys.path[:0] = [{str(checkout)!r}, {str(Path(__file__).parent)!r}]; import streams; streams.child()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main() -> None:
    ours, theirs = Path(__file__).parents[1], Path(sys.argv[1]).resolve()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    found = [(run(ours), run(theirs)) for _ in range(rounds)]
    print(
        f"{rounds} rounds with {CLIENTS} streams\n\n| | here | there | ratio | least | greatest |\n|---|--:|--:|--:|--:|--:|"
    )
    for row in found[0][0]:
        here, there = [[figures[side][row] for figures in found] for side in (0, 1)]
        ratios = [a / b for a, b in zip(here, there, strict=True)]
        cells = f"{median(here):.3f} | {median(there):.3f} | {median(here) / median(there):.3f}"
        print(f"| {row} | {cells} | {min(ratios):.3f} | {max(ratios):.3f} |")


if __name__ == "__main__":
    main()
