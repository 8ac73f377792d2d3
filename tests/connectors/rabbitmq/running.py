"""A source that runs as in the gateway, under its supervisor, into a log that the test reads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio

from sse_gateway.config import BufferConfig, load
from sse_gateway.core import Bounds, Hub
from sse_gateway.metrics import Metrics
from sse_gateway.sources.discovery import connectors
from sse_gateway.sources.supervisor import Backoff, Supervisor, Timing
from sse_gateway_rabbitmq import RabbitMQConfig, RabbitMQConnector

__all__ = ["Running"]

_FILE = """
[sources.orders]
channel = "orders"
[sources.orders.rabbitmq]
url = "amqp://localhost"
exchange = "replaced"
"""
_SOURCE = load(_FILE, connectors(["rabbitmq"]), environ={}).sources["orders"]


class Running:
    """One source and what came of it."""

    def __init__(self, url: str, **options: Any) -> None:
        self.config = RabbitMQConfig.model_validate({"url": url, "heartbeat": "1s", **options})
        self.connector = RabbitMQConnector.build(self.config, "orders")
        hub = Hub(process="process")
        self.log = hub.add("orders", Bounds(1_000_000, 1 << 30, 3600), _SOURCE.channel.matches)
        self.supervisor = Supervisor(
            _SOURCE,
            self.connector,
            hub,
            self.log,
            Metrics(),
            flushed=_at_once,
            buffer=BufferConfig(),
            backoff=Backoff(most=1.0),  # not up to 30 s: a broker that starts slowly would be waited for as long again
            timing=Timing(quiet=1.0, check=1.0),
        )

    @property
    def bodies(self) -> list[bytes]:
        """What was published to the log, in order."""
        return [event.data for event in self.log.entries]

    @property
    def breaks(self) -> list[str]:
        """The reasons of the breaks in the log."""
        return [item.reason for item in self.log.breaks]

    @property
    def is_up(self) -> bool:
        return self.supervisor.state.status == "up"

    @asynccontextmanager
    async def run(self) -> AsyncIterator[Running]:
        """Run until the block is left; at its begin the source is up."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.supervisor.run)
            await self.until(lambda: self.is_up)
            yield self
            await self.supervisor.stop()

    async def until(self, condition: Callable[[], object], *, within: float = 60.0) -> None:
        """Wait for something to become true of the source; the failure says how it stands."""
        with anyio.move_on_after(within) as scope:
            while not condition():
                await anyio.sleep(0.01)
        state = self.supervisor.state
        assert not scope.cancelled_caught, f"{state}; {len(self.log.entries)} events; breaks {self.breaks}"

    async def has(self, body: bytes) -> None:
        """Wait until the numbered message `body`, or a later one, has come."""
        await self.until(lambda: self.bodies and int(self.bodies[-1]) >= int(body))

    async def lost(self) -> None:
        """Wait until the supervisor has noticed that the line is lost."""
        await self.until(lambda: not self.is_up)


async def _at_once() -> None:
    return None
