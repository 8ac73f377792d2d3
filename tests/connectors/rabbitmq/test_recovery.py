"""Every fault under traffic: a source goes on by itself, and what it lost or repeated is what its mode says."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import pytest
from anyio import to_thread

from sse_gateway.connector import SourceUnavailable
from tests.brokers.proxy import Proxy
from tests.brokers.rabbitmq import RabbitMQ
from tests.connectors.reading import read

from .running import Running
from .traffic import Traffic
from .upstream import Upstream, connector

pytestmark = pytest.mark.anyio


class Scene:
    """One source of each mode behind a line that can be cut, and traffic to each."""

    def __init__(self, upstream: Upstream, exchange: str, stream: str, queue: str, url: str) -> None:
        self.upstream, self.stream, self.queue, self.exchange = upstream, stream, queue, exchange
        self.sources = {
            "exchange": Running(url, exchange=exchange),
            "stream": Running(url, mode="stream", stream=stream),
            "queue": Running(url, mode="queue", queue=queue, single_replica=True),
        }
        self.traffic = {
            "exchange": Traffic(upstream.url, exchange=exchange, key="k", mandatory=False),
            "stream": Traffic(upstream.url, key=stream),
            "queue": Traffic(upstream.url, key=queue),
        }

    async def more(self, count: int = 50) -> None:
        """Wait until every source has had that many more messages."""
        for mode, traffic in self.traffic.items():
            await traffic.more(count)
            await self._reached(mode)

    async def lost(self) -> None:
        """Wait until every source knows that its line is lost."""
        for source in self.sources.values():
            await source.lost()

    async def calm(self) -> None:
        """End the traffic, and wait until every source has had all of it."""
        await self.more()
        for mode, traffic in self.traffic.items():
            await traffic.stop()
            await self._reached(mode)

    async def _reached(self, mode: str) -> None:
        await self.sources[mode].has(self.traffic[mode].confirmed[-1])

    async def check_nothing_lost(self) -> None:
        """The stream is compared with what the broker holds, the queue with what the broker confirmed."""
        async with connector(self.upstream.url, mode="stream", stream=self.stream, start="first") as whole:
            held = [m.body for m in await read(whole, (await whole.bounds())[""][1])]
        assert self.sources["stream"].bodies == held
        assert self.sources["stream"].breaks == []
        came = Counter(self.sources["queue"].bodies)
        assert set(self.traffic["queue"].confirmed) - set(came) == set()
        assert self.sources["queue"].breaks == []

    def check_exchange(self, breaks: int) -> None:
        """What came is in order and came once; what did not come was announced, each of `breaks` times at least: a slow
        machine may lose a line more."""
        source = self.sources["exchange"]
        came = [int(body) for body in source.bodies]
        assert came == sorted(set(came))
        assert set(source.breaks) == {"upstream"} and len(source.breaks) >= breaks

    @property
    def repeated(self) -> int:
        """Messages that the queue delivered again."""
        return sum(count - 1 for count in Counter(self.sources["queue"].bodies).values())


@pytest.fixture
async def scene(own_rabbitmq: RabbitMQ) -> AsyncIterator[Scene]:
    async with _scene(own_rabbitmq, own_rabbitmq.url) as scene:
        yield scene


@asynccontextmanager
async def _scene(broker: RabbitMQ, url: str) -> AsyncIterator[Scene]:
    upstream = Upstream(broker.url)
    scene = Scene(upstream, await upstream.exchange(), await upstream.stream(), await upstream.queue(), url)
    async with AsyncExitStack() as stack:
        for source in scene.sources.values():
            await stack.enter_async_context(source.run())
        for traffic in scene.traffic.values():
            await stack.enter_async_context(traffic.flow())
        await scene.more()
        yield scene
    await upstream.close()


async def test_all_connections_closed_by_the_broker(own_rabbitmq: RabbitMQ, scene: Scene) -> None:
    for _ in range(3):
        await to_thread.run_sync(own_rabbitmq.close_connections)
        await scene.more()
    await scene.calm()
    await scene.check_nothing_lost()
    scene.check_exchange(breaks=3)


async def test_the_broker_killed_and_started_again(own_rabbitmq: RabbitMQ, scene: Scene) -> None:
    own_rabbitmq.kill()
    await scene.lost()
    await to_thread.run_sync(own_rabbitmq.start)
    await scene.calm()
    await scene.check_nothing_lost()
    scene.check_exchange(breaks=1)


async def test_a_line_that_falls_silent(own_rabbitmq: RabbitMQ) -> None:
    """Nobody closes it: each side only hears nothing of the other any more."""
    async with Proxy.open(own_rabbitmq.url) as proxy, _scene(own_rabbitmq, proxy.url) as scene:
        proxy.freeze()
        await scene.lost()
        proxy.cut()
        proxy.thaw()
        await scene.calm()
        await scene.check_nothing_lost()
        scene.check_exchange(breaks=1)


async def test_a_line_whose_silence_only_the_heartbeat_can_tell(own_rabbitmq: RabbitMQ) -> None:
    upstream, failed = Upstream(own_rabbitmq.url), list[object]()
    async with Proxy.open(own_rabbitmq.url) as proxy:
        source = connector(proxy.url, exchange=await upstream.exchange(), heartbeat="1s")
        async with source, anyio.create_task_group() as tasks:
            proxy.freeze()
            tasks.start_soon(_fails, source.receive, failed)
            tasks.start_soon(_fails, source.check, failed)
    # A task that the library cancels ends in silence, so it has to say that it came to its end.
    assert len(failed) == 2
    await upstream.close()


async def _fails(call: Callable[[], Awaitable[object]], failed: list[object]) -> None:
    with anyio.fail_after(15), pytest.raises(SourceUnavailable, match="silent for too long"):
        await call()
    failed.append(call)


async def test_a_stream_deleted_and_made_anew_under_traffic(own_rabbitmq: RabbitMQ, scene: Scene) -> None:
    """Everything of the new one comes, from its first message on, behind a break."""
    source = scene.sources["stream"]
    epoch = source.log.epoch
    await scene.upstream.delete(scene.stream)
    await source.lost()
    await scene.upstream.stream(name=scene.stream)
    await source.until(lambda: source.is_up and source.log.epoch != epoch)
    await scene.calm()
    assert source.breaks == ["epoch"]
    async with connector(scene.upstream.url, mode="stream", stream=scene.stream, start="first") as whole:
        held = [message.body for message in await read(whole, (await whole.bounds())[""][1])]
    assert source.bodies == held, "the log began anew with the epoch"


async def test_a_queue_deleted_and_made_anew_under_traffic(own_rabbitmq: RabbitMQ, scene: Scene) -> None:
    source = scene.sources["queue"]
    await scene.upstream.delete(scene.queue)
    await source.lost()
    await scene.upstream.queue(name=scene.queue)
    await scene.calm()
    assert source.breaks == ["upstream"]


async def test_an_exchange_deleted_and_made_anew(own_rabbitmq: RabbitMQ) -> None:
    upstream = Upstream(own_rabbitmq.url)
    exchange = await upstream.exchange()
    async with Running(own_rabbitmq.url, exchange=exchange).run() as source:
        async with upstream.channel() as channel:
            await channel.exchange_delete(exchange)
        await source.lost()  # found by the check of a quiet source
        async with upstream.channel() as channel:
            await channel.declare_exchange(exchange, "topic", durable=True)
        await source.until(lambda: source.is_up)
        await upstream.publish([b"x"], exchange=exchange)
        await source.until(lambda: source.bodies == [b"x"])
        assert source.breaks == ["upstream"]
    await upstream.close()


async def test_a_broker_that_is_away_at_the_start(own_rabbitmq: RabbitMQ) -> None:
    upstream = Upstream(own_rabbitmq.url)
    exchange = await upstream.exchange()
    async with Proxy.open(own_rabbitmq.url) as proxy:
        source = Running(proxy.url, exchange=exchange)
        await proxy.refuse()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(source.supervisor.run)
            await source.until(lambda: source.supervisor.state.status == "down")
            await proxy.accept()
            await source.until(lambda: source.is_up)
            assert source.breaks == [], "before it was up once there was nothing to lose"
            await source.supervisor.stop()
    await upstream.close()


async def test_stopping_under_traffic_acknowledges_what_was_appended_and_nothing_else(own_rabbitmq: RabbitMQ) -> None:
    """Ten rounds: nothing of the queue is lost, and nothing comes twice."""
    upstream = Upstream(own_rabbitmq.url)
    queue = await upstream.queue()
    came: list[bytes] = []
    async with Traffic(own_rabbitmq.url, key=queue).flow() as traffic:
        for number in range(10):
            source = Running(own_rabbitmq.url, mode="queue", queue=queue, single_replica=True)
            async with source.run():
                await traffic.more(20)
                if number == 9:
                    await traffic.stop()
                    await source.has(traffic.confirmed[-1])
            came += source.bodies
    assert came == traffic.confirmed
    await upstream.close()
