"""What the engine costs, beside the library that it follows and Starlette's own stream: `python benchmarks/engine.py`.

All three answer the same requests in one process, over a `send` that does nothing, in turn, round by round. Times are CPU
time; memory is what Python has allocated. Figures are the medians of all rounds, and the last column is the median of the
rounds' own ratios, so that a busy machine weighs on both sides. It prints the table of docs/engine.md, in about a minute.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from functools import partial
from importlib.metadata import version
from platform import python_version
from statistics import median
from typing import Any

import sse_starlette
import uvloop
from starlette.responses import StreamingResponse

from sse_gateway import sse

ROUNDS = 25
EVENTS = 3000
CONNECTIONS = 1000

Note = Callable[[str, str, float], None]
Figures = dict[tuple[str, str], list[float]]

SYSTEMS = {
    "this engine": sse.EventSourceResponse,
    f"sse-starlette {version('sse-starlette')}": sse_starlette.EventSourceResponse,
    "StreamingResponse": StreamingResponse,
}
OURS, THEIRS, STARLETTE = SYSTEMS
TYPES = {OURS: sse.ServerSentEvent, THEIRS: sse_starlette.ServerSentEvent}

OPTIONS: dict[str, dict[str, Any]] = {"": {}, ", `send_timeout=30`": {"send_timeout": 30}}

DATA = '{"id":17,"status":"shipped","customer":"Ada Lovelace","total":99.95,"items":[1,2,3,4]}'
READY = f"id: 17\r\nevent: update\r\ndata: {DATA}\r\n\r\n".encode()


def make_dict(system: str) -> Callable[[], Any]:
    return lambda: {"data": DATA, "event": "update", "id": "17"}


def make_event(system: str) -> Callable[[], Any]:
    return partial(TYPES[system], DATA, event="update", id="17")


def share_event(system: str) -> Callable[[], Any]:
    event = make_event(system)()
    return lambda: event


ITEMS = {
    "ready bytes": lambda system: lambda: READY,
    "dict": make_dict,
    "event object": make_event,
    "one event object for all": share_event,
}


async def send(message: Any) -> None:
    """The server takes everything at once."""


def make_receive(gone: asyncio.Event) -> Callable[[], Any]:
    requests = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if requests:
            return requests.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    return receive


def make_scope() -> dict[str, Any]:
    asgi = {"version": "3.0", "spec_version": "2.3"}  # as granian and uvicorn say
    return {"type": "http", "method": "GET", "path": "/", "http_version": "1.1", "headers": [], "asgi": asgi}


async def events(make: Callable[[], Any]) -> AsyncIterator[Any]:
    for _ in range(EVENTS):
        yield make()


async def idle(until: asyncio.Event) -> AsyncIterator[Any]:
    yield READY
    await until.wait()


async def per_event(system: str, items: str, **options: Any) -> float:
    """Microseconds."""
    response = SYSTEMS[system](events(ITEMS[items](system)), **options)
    scope, receive = make_scope(), make_receive(asyncio.Event())
    gc.collect()
    begun = time.process_time()
    await response(scope, receive, send)
    return (time.process_time() - begun) / EVENTS * 1e6


async def per_connection(system: str, **options: Any) -> tuple[float, float]:
    """KiB and tasks."""
    gone = asyncio.Event()
    requests = [(make_scope(), make_receive(gone)) for _ in range(CONNECTIONS)]
    gc.collect()
    tracemalloc.start()
    before = len(asyncio.all_tasks())
    serving = [asyncio.ensure_future(serve(system, gone, *request, options)) for request in requests]
    await asyncio.sleep(1)  # the engine waits a moment for a request before it reads its content
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    tasks = len(asyncio.all_tasks()) - before
    gone.set()
    await asyncio.gather(*serving)
    return size / CONNECTIONS / 1024, tasks / CONNECTIONS


async def serve(system: str, gone: asyncio.Event, scope: Any, receive: Any, options: dict[str, Any]) -> None:
    await SYSTEMS[system](idle(gone), **options)(scope, receive, send)


async def measure_events(note: Note) -> None:
    for items in ITEMS:
        for what, options in OPTIONS.items():
            for system in SYSTEMS if items == "ready bytes" and not options else TYPES:
                note(f"{items}{what}, µs an event", system, await per_event(system, items, **options))


async def measure_connections(note: Note) -> None:
    for what, options in OPTIONS.items():
        for system in TYPES if options else SYSTEMS:
            size, tasks = await per_connection(system, **options)
            note(f"idle connection{what}, KiB", system, size)
            note(f"idle connection{what}, tasks", system, tasks)


async def measure() -> Figures:
    """The figures of all rounds, by row and system."""
    found: Figures = {}

    def note(row: str, system: str, figure: float) -> None:
        found.setdefault((row, system), []).append(figure)

    for number in range(ROUNDS):
        await measure_events(note)
        if number < 3:  # these hardly vary
            await measure_connections(note)
    return found


def table(found: Figures) -> str:
    """In Markdown."""
    lines = [f"| | {' | '.join(SYSTEMS)} | this engine / {THEIRS} |", "|---|--:|--:|--:|--:|"]
    for row in dict.fromkeys(row for row, _ in found):
        cells = [f"{median(found[row, system]):.2f}" if (row, system) in found else "" for system in SYSTEMS]
        ratio = median(ours / theirs for ours, theirs in zip(found[row, OURS], found[row, THEIRS], strict=True))
        lines.append(f"| {row} | {' | '.join(cells)} | {ratio:.2f} |")
    return "\n".join(lines)


def main() -> None:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("uvloop", "anyio", "starlette"))
    print(f"CPython {python_version()}, {libraries}\n")
    loop = asyncio.new_event_loop if "asyncio" in sys.argv[1:] else uvloop.new_event_loop
    with asyncio.Runner(loop_factory=loop) as runner:
        print(table(runner.run(measure())))


if __name__ == "__main__":
    main()
