"""A gateway that is stopped and started under traffic, as a deployment does it: what it acknowledged is what it served."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from ..gateway import Gateway, running
from .client import Account, Client
from .source import Queue, Source, Topic, Upstreams

ROUNDS = 10
BURST = 1500
"""Messages to the queue in a round: more than it reads, so that it is stopped with its hands full."""
FILE = """
[limits]
client_buffer = { events = 20_000, bytes = "8MiB" }
[drain]
delay = "50ms"
spread = "50ms"
timeout = "20s"
[[routes]]
path = "/events/{name}"
channels = ["{path.name}"]
"""


class Reader:
    """Reads one source from one gateway after the other: all that each has in its log, or what it `resumes` by its id."""

    def __init__(self, source: Source, *, resumes: bool = False) -> None:
        self.source = source
        self.received: list[str] = []
        self._resumes = resumes
        self._id: str | None = "earliest"
        self._client: Client

    def turn_to(self, gateway: Gateway) -> None:
        """What follows is about this one."""
        self._client = Client(f"{gateway.public}/events/{self.source.name}", last_event_id=self._id)

    async def run(self) -> None:
        """Read to the end of the stream, which comes in order, after the farewell."""
        with pytest.raises(anyio.EndOfStream):
            await self._client.read()
        self.received += self._client.bodies
        controls = [event.type for event in self._client.events if event.type != "message"]
        assert controls[-1] == "gateway.bye"
        if self._resumes:
            self._id = self._client.last_event_id
            assert controls == ["gateway.resumed", "gateway.bye"], "each begins just where the one before has ended"

    async def more(self) -> None:
        """Some events."""
        await self._client.more(30)

    async def rest(self) -> None:
        """All that there will be."""
        await self.source.traffic.stop()
        await self._client.until_last(await self.source.held())


async def test_ten_deployments_lose_and_repeat_nothing(tmp_path: Path, upstreams: Upstreams) -> None:
    """Not more is acknowledged than was appended, or messages were missing; and not less, or they came again."""
    queue, topic = Queue(upstreams), Topic(upstreams, "group")
    readers = [Reader(queue), Reader(topic), Reader(topic, resumes=True)]
    text = FILE + "".join(source.table(upstreams.access, "log = { max_events = 50_000 }") for source in (queue, topic))
    with anyio.fail_after(280):
        async with anyio.create_task_group() as tasks:
            for source in (queue, topic):
                await source.make()
            tasks.start_soon(topic.traffic.run)
            for number in range(ROUNDS):
                async with running(tmp_path, text) as gateway, anyio.create_task_group() as traffic:
                    traffic.start_soon(queue.traffic.burst, BURST)
                    await deploy(gateway, readers, last=number == ROUNDS - 1)
    for reader in readers:
        account = Account.of(await reader.source.held(), reader.received)
        assert account == Account(lost=0, repeated=0, ordered=True), reader.source.label


async def deploy(gateway: Gateway, readers: list[Reader], *, last: bool) -> None:
    """A gateway that has just started, to its end by SIGTERM. The `last` one serves all that is left."""
    async with anyio.create_task_group() as tasks:
        for reader in readers:
            reader.turn_to(gateway)
            tasks.start_soon(reader.run)
        for reader in readers:
            await reader.more()
        for reader in readers if last else ():
            await reader.rest()
        gateway.terminate()
        assert await gateway.process.wait() == 0
