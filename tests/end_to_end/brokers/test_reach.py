"""From three sources of two brokers, by one route, to a hundred clients and to a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from sse_gateway.testing import EventStreamReader
from tests.connectors.kafka.upstream import Upstream as KafkaUpstream
from tests.connectors.rabbitmq.upstream import Upstream as RabbitUpstream

from ..browsers import Browser, browsing
from ..gateway import Gateway, running

CLIENTS = 100
EVENTS = 60
PARTITIONS = 3
TOTAL = EVENTS * (2 + PARTITIONS)
FILE = """
try_page = true
[sources.exchange]
channel = "orders.exchange"
[sources.exchange.rabbitmq]
url = "{rabbitmq}"
exchange = "{exchange}"
[sources.stream]
channel = "orders.stream"
[sources.stream.rabbitmq]
url = "{rabbitmq}"
mode = "stream"
stream = "{stream}"
[sources.topic]
channel = "orders.topic"
[sources.topic.kafka]
servers = ["{kafka}"]
topics = ["{topic}"]
[[routes]]
path = "/orders"
channels = ["orders.exchange", "orders.stream", "orders.topic"]
"""

# Shows each event as an item of a list, as a page would.
PAGE = """(() => {
  const list = document.body.appendChild(document.createElement("ul"));
  list.id = "orders";
  window.source = new EventSource("/orders");
  window.source.onmessage = (event) => { list.appendChild(document.createElement("li")).textContent = event.data; };
  return true;
})()"""
ITEMS = "[...document.querySelectorAll('#orders li')].map((item) => item.textContent)"


class Shop:
    """An exchange, a stream and a topic, and a gateway that serves them by one route."""

    def __init__(self, rabbit: RabbitUpstream, topics: KafkaUpstream) -> None:
        self.rabbit, self.topics = rabbit, topics
        self.sent: dict[str, list[str]] = {}
        """What was published, in order, by what it can be told apart by: source, and partition of the topic."""

    @asynccontextmanager
    async def open(self, directory: Path) -> AsyncIterator[Gateway]:
        self.exchange, self.stream = await self.rabbit.exchange(), await self.rabbit.stream()
        self.topic = await self.topics.create(partitions=PARTITIONS)
        names = {"exchange": self.exchange, "stream": self.stream, "topic": self.topic}
        text = FILE.format(rabbitmq=self.rabbit.url, kafka=self.topics.bootstrap, **names)
        async with running(directory, text) as gateway:
            yield gateway

    async def publish(self) -> None:
        """To all three at once."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: self.rabbit.publish(self._bodies("exchange"), exchange=self.exchange, key="new"))
            tasks.start_soon(lambda: self.rabbit.publish(self._bodies("stream"), key=self.stream))
            for number in range(PARTITIONS):
                tasks.start_soon(self._write, number)

    async def _write(self, partition: int) -> None:
        await self.topics.send(self.topic, self._bodies(f"topic {partition}"), partition=partition)

    def _bodies(self, origin: str) -> list[bytes]:
        self.sent[origin] = [f"{origin}: {number}" for number in range(EVENTS)]
        return [text.encode() for text in self.sent[origin]]

    def check(self, received: list[str]) -> None:
        """All of it, once, and in order within each origin."""
        for origin, sent in self.sent.items():
            assert [text for text in received if text.startswith(f"{origin}:")] == sent
        assert len(received) == TOTAL


@pytest.fixture
async def shop(rabbitmq_url: str, kafka_bootstrap: str) -> AsyncIterator[Shop]:
    shop = Shop(RabbitUpstream(rabbitmq_url), KafkaUpstream(kafka_bootstrap))
    yield shop
    await shop.rabbit.close()
    await shop.topics.close()


async def test_a_hundred_clients_get_each_event_once_in_order(tmp_path: Path, shop: Shop) -> None:
    seen: list[list[str]] = []

    async def read(gateway: Gateway) -> None:
        async with EventStreamReader(f"{gateway.public}/orders") as stream:
            await stream.receive_until("gateway.at")
            texts: list[str] = []
            seen.append(texts)
            while len(texts) < TOTAL:
                texts.append((await stream.receive()).data)

    async with shop.open(tmp_path) as gateway:
        async with anyio.create_task_group() as clients:
            for _ in range(CLIENTS):
                clients.start_soon(read, gateway)
            while len(seen) < CLIENTS:
                await anyio.sleep(0.02)
            await shop.publish()
        assert await gateway.metric("sse_gateway_deliveries_total") == CLIENTS * TOTAL, "and nothing came behind"
    for texts in seen:
        shop.check(texts)


async def test_a_page_shows_all_three_sources(tmp_path: Path, shop: Shop) -> None:
    async with shop.open(tmp_path) as gateway, browsing("chromium", tmp_path) as browser:
        await browser.go(f"{gateway.public}/")
        await browser.run(PAGE)
        await _wait(browser, "source.readyState === EventSource.OPEN")
        await shop.publish()
        await _wait(browser, f"{ITEMS}.length >= {TOTAL}")
        shop.check(await browser.run(ITEMS))


async def _wait(browser: Browser, script: str) -> None:
    while not await browser.run(script):
        await anyio.sleep(0.02)
