"""A gateway that measures itself: python probed.py FILE. On SIGUSR1 it writes what it measured since the last one."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio

from sse_gateway import app
from sse_gateway.config import load
from sse_gateway.connector import Message
from sse_gateway.sources.discovery import connectors

_TICK = 0.001


class Probed(app.Gateway):
    """Counts what happens within a turn of the loop, and how late the loop is for a task that wants a millisecond."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._reset()
        publish = self.hub.publish
        vars(self.hub)["publish"] = lambda *a, **o: self._count(publish(*a, **o))
        for supervisor in self.supervisors.values():
            intake = supervisor._intake
            vars(intake)["append"] = self._measured(intake.append)

    def _reset(self) -> None:
        self._waits: list[float] = []
        self._batches: list[int] = []
        self._turn = self._most = 0
        self._cpu = time.process_time()

    def _parts(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        yield from super()._parts()
        yield "probe", self._probe

    async def _probe(self) -> None:
        with anyio.open_signal_receiver(signal.SIGUSR1) as signals:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._tick)
                async for _ in signals:
                    self._report()
                    self._reset()

    async def _tick(self) -> None:
        while True:
            due = time.perf_counter() + _TICK
            await anyio.sleep(_TICK)
            self._waits.append(time.perf_counter() - due)

    def _count(self, event: object) -> object:
        if self._turn == 0:
            asyncio.get_running_loop().call_soon(self._begin_turn)
        self._turn += 1
        self._most = max(self._most, self._turn)
        return event

    def _begin_turn(self) -> None:
        self._turn = 0

    def _measured(self, append: Callable[[Sequence[Message], float], Awaitable[list[Message]]]) -> object:
        async def measured(batch: Sequence[Message], now: float) -> list[Message]:
            self._batches.append(len(batch))
            return await append(batch, now)

        return measured

    def _report(self) -> None:
        waits = sorted(self._waits) or [0.0]
        report = {
            "message": "probe",
            "cpu": time.process_time() - self._cpu,
            "longest": waits[-1],
            "p99": waits[len(waits) * 99 // 100],
            "batch": max(self._batches, default=0),
            "turn": self._most,
        }
        sys.stdout.write(json.dumps(report) + "\n")
        sys.stdout.flush()


vars(app)["Gateway"] = Probed
app.serve(load(Path(sys.argv[1]).read_text(), connectors(["kafka", "rabbitmq"]), environ={}))
