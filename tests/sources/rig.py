"""A supervisor on a real hub, with an upstream in memory, and a clock and rests that the test drives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.lowlevel

from sse_gateway.config import BufferConfig, SourceConfig
from sse_gateway.connector import Connector, Message
from sse_gateway.core import Bounds, Entry, Hub
from sse_gateway.metrics import Metrics
from sse_gateway.sources.supervisor import Backoff, Supervisor, Timing
from sse_gateway.testing import MemoryConfig, MemoryConnector, MemoryUpstream


class Orders(MemoryConnector):
    """Reads all of an upstream in large batches; tests replace what it does."""

    def __init__(self, upstream: MemoryUpstream) -> None:
        super().__init__(MemoryConfig(start="earliest", batch=500), name="orders", upstream=upstream)


class ExchangeConnector(Connector[MemoryConfig]):
    """A connector without offsets and without a history, as an exclusive queue on an exchange is: it reads a `MemoryUpstream`
    from its end, whenever it connects."""

    Config = MemoryConfig
    lossy = True

    def __init__(self, upstream: MemoryUpstream) -> None:
        super().__init__(MemoryConfig(), name="orders")
        self.upstream = upstream

    async def __aenter__(self) -> Self:
        # a queue of another name for each attempt, as the real one has
        self._queue = MemoryConnector(self.config, name=f"queue-{self.upstream.attempts}", upstream=self.upstream)
        await self._queue.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._queue.__aexit__(kind, error, traceback)

    async def receive(self) -> Sequence[Message]:
        return [replace(message, offset=None, partition="") for message in await self._queue.receive()]

    async def ack(self, message: Message) -> None:
        await self._queue.ack(message)

    async def check(self) -> None:
        await self._queue.check()


class Rig:
    """The source `orders`; each message goes to the channel that its key names."""

    def __init__(
        self,
        *,
        upstream: MemoryUpstream | None = None,
        connector: Callable[[MemoryUpstream], Connector[Any]] | None = None,
        options: Mapping[str, object] | None = None,
        buffer: int = 1000,
        timing: Timing | None = None,
    ) -> None:
        self.upstream = upstream or MemoryUpstream()
        self.connector = (connector or Orders)(self.upstream)
        table = {
            "channel": "{key}",
            "name": "orders",
            "connector": "memory",
            "options": MemoryConfig(),
            **(options or {}),
        }
        source = SourceConfig.model_validate(table)
        self.hub = Hub(process="process-1")
        bounds = Bounds(source.log.max_events, source.log.max_bytes, source.log.max_age)
        self.log = self.hub.add("orders", bounds, source.channel.matches)
        self.reader = self.hub.subscribe(["a", "b"])
        self.metrics = Metrics()
        self.now = 5000.0
        self.rests: list[float] = []
        self.resting = anyio.Semaphore(1_000_000)
        self.unflushed: list[int] = []
        self.supervisor = Supervisor(
            source,
            self.connector,
            self.hub,
            self.log,
            self.metrics,
            flushed=self.flushed,
            buffer=BufferConfig.model_validate({"events": buffer}),
            backoff=Backoff.of(self.connector, random=lambda: 1.0),
            timing=timing,
            clock=lambda: self.now,
            sleep=self.rest,
        )
        self.state = self.supervisor.state

    async def flushed(self) -> None:
        self.unflushed.append(self.hub.unflushed_events)
        await anyio.lowlevel.checkpoint()
        self.hub.changed()

    async def rest(self, seconds: float) -> None:
        """What the supervisor does instead of sleeping: the clock moves; `hold_rests` makes it wait for the test."""
        self.rests.append(seconds)
        self.now += seconds
        await self.resting.acquire()

    def hold_rests(self) -> None:
        self.resting = anyio.Semaphore(0)

    def put(self, *bodies: bytes, key: str = "a", **more: Any) -> None:
        for body in bodies:
            self.upstream.put(body, key=key, **more)

    def take(self) -> list[Entry | str]:
        """What a reader gets that was there from the start: events, and the reasons of losses."""
        found: list[Entry | str] = []
        upto = self.hub.position
        while self.reader.position.seq < upto.seq:
            events, lost = self.reader.take(1 << 20, upto)
            found += [*events, *sorted({notice.reason for notice in lost})]
        return found

    def bodies(self) -> list[bytes | str]:
        """As `take`, with the data alone."""
        return [item if isinstance(item, str) else item.data for item in self.take()]

    async def until(self, condition: Callable[[], object]) -> None:
        """Let everybody run until the condition holds."""
        with anyio.fail_after(30):
            while True:
                if condition():
                    return
                await anyio.sleep(0.001)

    async def published(self, count: int) -> None:
        """Wait until so many events were ever published."""
        await self.until(lambda: self.log.published == count)

    async def rested(self, count: int) -> None:
        """Wait until the supervisor has begun its `count`th rest."""
        await self.until(lambda: len(self.rests) >= count)

    async def up(self) -> None:
        """Wait until the source is up."""
        await self.until(lambda: self.state.status == "up")

    async def idle(self) -> None:
        """Let everybody run until nobody can."""
        with anyio.fail_after(30):
            await anyio.wait_all_tasks_blocked()

    def count(self, name: str, **labels: str) -> float:
        """A metric of the source, 0 if it was never touched."""
        return self.metrics.registry.get_sample_value(f"sse_gateway_{name}", {"source": "orders", **labels}) or 0.0


@asynccontextmanager
async def running(rig: Rig) -> AsyncIterator[Rig]:
    """The supervisor runs meanwhile, and is stopped."""
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.supervisor.run)
            yield rig
            await rig.supervisor.stop()
