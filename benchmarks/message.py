"""What one message costs on its way from a batch in the supervisor to the server's `send`: `python benchmarks/message.py`.

    python benchmarks/message.py                    this checkout
    python benchmarks/message.py OTHER [ROUNDS]     another checkout and this one, in turn, round by round
    python benchmarks/message.py --files [OTHER]    the files that one message passes

Everything between is the gateway's own: supervisor, mapping with templates, hub, fan-out, and the public application, which
is asked for each stream. The batches are made beforehand, and `send` is done at once, as granian's is. The next batch is
handed over when the last client was sent the one before. Times are CPU time; each measurement is a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import socket
import subprocess
import sys
import time
from collections.abc import Generator, MutableMapping, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

HERE = Path(__file__).resolve().parents[1]
ROUNDS = 9
CASES = {  # messages in a batch, clients, batches
    "one message to one client": (1, 1, 10_000),
    "a burst of 32 to one client": (32, 1, 1_000),
    "one message to 100 clients": (1, 100, 3_000),
    "a burst of 32 to 100 clients": (32, 100, 600),
}
CONFIG = """
[sources.orders]
channel = "orders.{key}"
event = "order-{headers.status}"
[sources.orders.memory]
[[routes]]
path = "/events/{customer}"
channels = ["orders.{path.customer}", "news"]
"""
BODY = b'{"id":17,"status":"shipped","customer":"Ada Lovelace","total":99.95,"items":[1,2,3,4]}'


class Done:
    """What granian's `send` returns when it has taken the message."""

    def __await__(self) -> Generator[Any, None, None]:
        return iter(())  # type: ignore[return-value]


class Run:
    """A gateway without its servers, some clients, and batches that follow each other."""

    def __init__(self, size: int, clients: int, batches: int) -> None:
        from sse_gateway.app import Gateway
        from sse_gateway.config import load
        from sse_gateway.connector import Message
        from sse_gateway.testing import MemoryConfig, MemoryConnector, MemoryUpstream

        run = self

        class Ready(MemoryConnector):
            """Hands over batches that are there already."""

            def __init__(self, config: MemoryConfig, *, name: str) -> None:
                super().__init__(config, name=name, upstream=MemoryUpstream())

            async def receive(self) -> Sequence[Message]:
                run.handed = asyncio.get_running_loop().create_future()
                return await run.handed

            async def ack(self, message: Message) -> None:
                pass

            def positions(self) -> dict[str, int]:
                return {"": run.published}

        config = load(CONFIG, {"memory": Ready}, environ={})
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        clock = asyncio.get_running_loop().time
        self.gateway = Gateway(config, {"memory": Ready}, *listeners, clock=clock)
        self.app = self.gateway._public_app()
        self.batches = iter(
            [
                [
                    Message(body=BODY, key="ada", headers={"status": "new"}, offset=number)
                    for number in range(start, start + size)
                ]
                for start in range(0, (batches + 1) * size, size)
            ]
        )
        self.size, self.clients, self.expected = size, clients, 0
        self.published = self.sent = 0
        self.handed: asyncio.Future[Sequence[Message]]
        self.over = asyncio.Event()
        self.leaves = asyncio.Event()

    def hand_over(self) -> None:
        batch = next(self.batches, None)
        if batch is None:
            self.over.set()
        else:
            self.published += len(batch)
            self.expected += self.clients
            self.handed.set_result(batch)

    def send(self, message: MutableMapping[str, Any]) -> Done:
        if self.published and message["type"] == "http.response.body":
            self.sent += 1
            if self.sent == self.expected:
                asyncio.get_running_loop().call_soon(self.hand_over)
        return Done()

    async def receive(self) -> MutableMapping[str, Any]:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def begin(self) -> list[asyncio.Task[Any]]:
        """All parts run, all clients have their opening, and the first batch is through."""
        tasks = [
            asyncio.create_task(self.gateway.fanout.run()),
            asyncio.create_task(self.gateway.supervisors["orders"].run()),
        ]
        for _ in range(self.clients):
            scope = {
                "type": "http",
                "method": "GET",
                "path": "/events/ada",
                "query_string": b"",
                "headers": [(b"accept", b"text/event-stream")],
                "client": ("127.0.0.1", 5000),
                "state": {},
            }
            tasks.append(asyncio.create_task(self.app(scope, self.receive, self.send)))
        await asyncio.sleep(0.3)
        assert self.gateway.fanout.clients == self.clients
        return tasks

    async def end(self, tasks: list[asyncio.Task[Any]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def measure(size: int, clients: int, batches: int) -> float:
    """Microseconds for each message."""
    run = Run(size, clients, batches)
    tasks = await run.begin()
    gc.collect()
    gc.freeze()
    begun = time.process_time()
    run.hand_over()
    await run.over.wait()
    spent = time.process_time() - begun
    assert run.sent == run.expected
    await run.end(tasks)
    return spent / run.published * 1e6


async def files(root: Path) -> list[str]:
    """The files of the gateway that the second message passes."""
    passed: dict[str, None] = {}
    run = Run(1, 1, 2)
    tasks = await run.begin()
    send, hand_over = run.send, run.hand_over

    def note(frame: Any, event: str, argument: Any) -> None:
        if event == "call":
            passed[frame.f_code.co_filename] = None

    def begin() -> None:
        hand_over()
        if run.published == 2:
            sys.setprofile(note)

    def end(message: MutableMapping[str, Any]) -> Done:
        sys.setprofile(None)
        return send(message)

    run.hand_over = begin  # type: ignore[method-assign]
    for group in [group for client in run.gateway.fanout.roster.clients for group in [client.group]]:
        group.ready = dict.fromkeys(group.ready, end)
    begin()
    await run.over.wait()
    await run.end(tasks)
    inside = [Path(name) for name in passed if Path(name).is_relative_to(root)]
    return [
        str(path.relative_to(root))
        for path in inside
        if path.relative_to(root).parts[0] in ("sse_gateway", "connectors") and "testing" not in path.parts
    ]


def child(root: Path, *arguments: str) -> Any:
    """What one of the functions above says of a checkout."""
    command = [sys.executable, __file__, "--child", str(root), *arguments]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=root).stdout)


def compare(roots: list[Path], rounds: int) -> None:
    """Print the medians of all rounds; with two checkouts also the ratio, and the spread of the rounds' own ratios."""
    for name in CASES:
        figures: list[list[float]] = [[] for _ in roots]
        for _ in range(rounds):
            for root, figure in zip(roots, figures, strict=True):
                figure.append(child(root, name))
        line = "".join(f"{median(figure):10.2f} µs" for figure in figures)
        if len(roots) == 2:
            ratios = [after / before for before, after in zip(*figures, strict=True)]
            low, _, high = quantiles(ratios, n=4)
            line += f"   ratio of medians {median(figures[1]) / median(figures[0]):.3f}"
            line += f"   rounds {min(ratios):.3f} [{low:.3f} {high:.3f}] {max(ratios):.3f}"
        print(f"{name:32}{line}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("other", nargs="?", type=Path)
    parser.add_argument("rounds", nargs="?", type=int, default=ROUNDS)
    parser.add_argument("--files", action="store_true")
    parser.add_argument("--child", nargs=2, metavar=("ROOT", "CASE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        root, case = Path(options.child[0]), options.child[1]
        sys.path[:0] = [str(root), str(root / "connectors")]
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            print(json.dumps(runner.run(files(root) if case == "files" else measure(*CASES[case]))))
    elif options.files:
        found = child((options.other or HERE).resolve(), "files")
        print("\n".join([*found, f"{len(found)} files"]))
    else:
        compare([*([options.other.resolve()] if options.other else []), HERE], options.rounds)


if __name__ == "__main__":
    main()
