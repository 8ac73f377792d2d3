"""The five sources of the gateway: what each reads, the traffic to that, and what the broker holds of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import aio_pika
import anyio
from anyio import to_thread
from confluent_kafka import Consumer, TopicPartition

from tests.brokers.kafka.broker import Kafka
from tests.brokers.proxy import Proxy
from tests.brokers.rabbitmq import RabbitMQ
from tests.connectors.kafka.upstream import Upstream as KafkaUpstream
from tests.connectors.rabbitmq.upstream import Upstream as RabbitUpstream

from .traffic import KafkaTraffic, RabbitTraffic, Traffic

_PATIENCE = 60.0


async def read_stream(url: str, stream: str, last: str) -> list[str]:
    """All bodies of a stream up to `last`."""
    found: list[str] = []
    async with await aio_pika.connect(url) as connection, connection.channel() as channel:
        await channel.set_qos(500)
        queue = await channel.get_queue(stream)
        with anyio.fail_after(_PATIENCE):
            async with queue.iterator(arguments={"x-stream-offset": "first"}) as messages:
                async for message in messages:
                    await message.ack()
                    found.append(_text(message.body))
                    if found[-1] == last:
                        break
    return found


async def read_topic(bootstrap: str, topic: str) -> list[str]:
    """All bodies of a topic, in order within each partition."""
    return await to_thread.run_sync(_read_topic, bootstrap, topic)


def _read_topic(bootstrap: str, topic: str) -> list[str]:
    options = {"bootstrap.servers": bootstrap, "group.id": "history", "enable.auto.commit": False, "log_level": 0}
    consumer = Consumer({**options, "fetch.wait.max.ms": 50})
    start, total = [], 0
    for number in consumer.list_topics(topic, timeout=_PATIENCE).topics[topic].partitions:
        partition = TopicPartition(topic, number)
        first, end = consumer.get_watermark_offsets(partition, timeout=_PATIENCE, cached=False)
        start.append(TopicPartition(topic, number, first))
        total += end - first
    consumer.assign(start)
    found = consumer.consume(total, _PATIENCE) if total else []
    consumer.close()
    assert len(found) == total
    return [_text(message.value() or b"") for message in found]


def _text(body: bytes) -> str:
    return body.decode().partition(" ")[0]  # less the padding


Promise = Literal["exactly once", "at least once", "while bound"]
"""What a client gets of what the broker held, whatever happens: in the last case, what a queue was there for."""


@dataclass(frozen=True, slots=True)
class Access:
    """How the gateway gets at the brokers, as keys of the connectors' tables."""

    rabbitmq: str
    kafka: str


@dataclass(frozen=True, slots=True)
class Upstreams:
    """Both brokers, the lines to them, and what the test does there itself."""

    rabbitmq: RabbitMQ
    kafka: Kafka
    rabbit_line: Proxy
    kafka_line: Proxy
    rabbit: RabbitUpstream
    topics: KafkaUpstream

    @property
    def access(self) -> Access:
        """By the lines."""
        url = f"amqp://guest:guest@127.0.0.1:{self.rabbit_line.port}/"
        return Access(f'url = "{url}"', f'servers = ["127.0.0.1:{self.kafka_line.port}"]')


class Source(ABC):
    """One source of the gateway. Its channel has its name, which is the mode's."""

    name: str
    label: str
    traffic: Traffic
    promise: Promise = "exactly once"
    remade: str = "epoch"
    """The reason of the break when what it reads is deleted and made anew."""

    def table(self, access: Access, *more: str) -> str:
        """Its tables in the file, with `more` keys of the source."""
        connector = self.label.split()[0]
        line = "\n"
        ways = {"rabbitmq": access.rabbitmq, "kafka": access.kafka}
        return f"""
[sources.{self.name}]
channel = "{self.name}"
{line.join(more)}
[sources.{self.name}.{connector}]
{ways[connector]}
{self.options}
"""

    @property
    def unbound(self) -> int:
        """How many messages the broker dropped because no queue was bound."""
        return 0

    @property
    @abstractmethod
    def options(self) -> str:
        """What to read, as keys of the connector's table."""

    @abstractmethod
    async def make(self) -> None:
        """Make what is read."""

    @abstractmethod
    async def delete(self) -> None:
        """Delete what is read, or what stands for it."""

    @abstractmethod
    async def held(self) -> list[str]:
        """All that the source can be held to, in order within each partition; the traffic has stopped."""


class _Rabbit(Source):
    kind: str
    traffic: RabbitTraffic

    def __init__(self, upstreams: Upstreams) -> None:
        self.label = f"rabbitmq {self.name}"
        self.upstreams = upstreams
        self.target = upstreams.rabbit.name(self.kind)
        self.traffic = RabbitTraffic(upstreams.rabbit.url, exchange="", key=self.target)

    @property
    def options(self) -> str:
        return f'mode = "{self.name}"\n{self.name} = "{self.target}"\nheartbeat = "1s"\n'

    async def delete(self) -> None:
        await self.upstreams.rabbit.delete(self.target)


class Exchange(_Rabbit):
    """What the broker dropped while no queue was bound is lost, and told."""

    name = kind = "exchange"
    promise = "while bound"
    remade = "upstream"

    def __init__(self, upstreams: Upstreams) -> None:
        super().__init__(upstreams)
        self.traffic = RabbitTraffic(upstreams.rabbit.url, exchange=self.target, key="key")

    @property
    def unbound(self) -> int:
        return len(self.traffic.returned)

    async def make(self) -> None:
        async with self.upstreams.rabbit.channel() as channel:
            await channel.declare_exchange(self.target, "topic", durable=True)

    async def delete(self) -> None:
        """Delete the queue that the gateway has bound."""
        names = await anyio.to_thread.run_sync(self.upstreams.rabbitmq.ctl, "list_queues", "name", "--no-table-headers")
        for name in names.split():
            if name.startswith(f"sse-gateway.{self.name}."):
                await anyio.to_thread.run_sync(self.upstreams.rabbitmq.ctl, "delete_queue", name)

    async def held(self) -> list[str]:
        both = [*self.traffic.confirmed, *self.traffic.returned]
        return sorted(both, key=lambda body: int(body.partition(".")[2]))


class Stream(_Rabbit):
    """Read from its first offset."""

    name = kind = "stream"

    @property
    def options(self) -> str:
        return super().options + 'start = "first"\n'

    async def make(self) -> None:
        await self.upstreams.rabbit.stream(name=self.target)

    async def held(self) -> list[str]:
        return await read_stream(self.upstreams.rabbit.url, self.target, self.traffic.confirmed[-1])


class Queue(_Rabbit):
    """What it held is gone when it was read, so it is held to what the broker confirmed since it was last made."""

    name = kind = "queue"
    promise = "at least once"
    remade = "upstream"
    _since = 0

    @property
    def options(self) -> str:
        return super().options + "single_replica = true\n"

    async def make(self) -> None:
        self._since = len(self.traffic.confirmed)
        await self.upstreams.rabbit.queue(name=self.target)

    async def held(self) -> list[str]:
        return self.traffic.confirmed[self._since :]


class Topic(Source):
    """A Kafka topic of three partitions, in one of the two modes."""

    def __init__(self, upstreams: Upstreams, mode: str) -> None:
        self.name = mode
        self.label = f"kafka {mode}"
        self.upstreams = upstreams
        self.target = upstreams.topics.name()
        self.traffic = KafkaTraffic(upstreams.kafka.bootstrap, self.target, 3)

    @property
    def options(self) -> str:
        group = f'group = "{self.target}"\nsingle_replica = true\nsession = "2s"\n' if self.name == "group" else ""
        return f"""mode = "{self.name}"
topics = ["{self.target}"]
start = "earliest"
timeout = "2s"
refresh = "500ms"
fetch_wait = "100ms"
{group}"""

    async def make(self) -> None:
        await self.upstreams.topics.create(self.target, partitions=3)

    async def delete(self) -> None:
        await self.upstreams.topics.delete(self.target)

    async def held(self) -> list[str]:
        return await read_topic(self.upstreams.kafka.bootstrap, self.target)


def all_sources(upstreams: Upstreams) -> list[Source]:
    """One of each mode."""
    rabbit: list[Source] = [kind(upstreams) for kind in (Exchange, Stream, Queue)]
    return [*rabbit, Topic(upstreams, "assign"), Topic(upstreams, "group")]
