"""Traffic that does not stop, whatever befalls the broker."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import aio_pika
import aiormq
import anyio
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, DeliveryError
from aiormq.abc import ChannelFrame
from anyio import to_thread
from confluent_kafka import KafkaException, Producer
from pamqp import commands, frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

_PAUSE = 0.01
_PATIENCE = 3.0
# RabbitMQ never answers some of the messages to a stream that has just started again.
_CHUNK = 500


async def flood_queue(url: str, bodies: Sequence[bytes], *, exchange: str, key: str) -> None:
    """Publish bodies of one length. Only they differ in what is sent, so the rest of it is made once."""
    async with await aio_pika.connect(url) as connection, connection.channel(publisher_confirms=False) as channel:
        underlay = await channel.get_underlay_channel()
        assert isinstance(underlay, aiormq.Channel)
        number = underlay.number
        head = frame.marshal(commands.Basic.Publish(exchange=exchange, routing_key=key), number)
        head += frame.marshal(ContentHeader(body_size=len(bodies[0])), number)
        for first in range(0, len(bodies), _CHUNK):
            chunk = bodies[first : first + _CHUNK]
            payload = b"".join(head + frame.marshal(ContentBody(body), number) for body in chunk)
            await underlay.write_queue.put(ChannelFrame(payload=payload, should_close=False))
        await channel.set_qos(1)  # answered when the broker has taken all that came before


async def flood_topic(bootstrap: str, bodies: Sequence[bytes], *, topic: str, partitions: int) -> None:
    """Write to the partitions in turn."""

    def send() -> None:
        producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20})
        for number, body in enumerate(bodies):
            producer.produce(topic, body, partition=number % partitions)
        assert producer.flush(30) == 0

    await to_thread.run_sync(send)


class Traffic(ABC):
    """Messages `PARTITION.NUMBER`, each of which is sent once: a number whose fate is not known is spent."""

    def __init__(self, partitions: int = 1) -> None:
        self.partitions = partitions
        self.number = 0
        """The next one."""
        self.ending = False
        self._sending = anyio.Lock()

    async def run(self) -> None:
        """Send one after the other until `stop`."""
        async with self._sending:
            await self.send()

    async def burst(self, count: int) -> None:
        """Send so many at once; not while it runs."""
        async with self._sending:
            bodies = [self.next(number % self.partitions) for number in range(count)]
            await self.flood([body.ljust(max(map(len, bodies))) for body in bodies])

    async def stop(self) -> None:
        """Send no more; returns when it is known what became of the last one."""
        self.ending = True
        async with self._sending:
            pass

    @abstractmethod
    async def send(self) -> None:
        """Send until `ending`."""

    @abstractmethod
    async def flood(self, bodies: Sequence[bytes]) -> None:
        """Send these, which are of one length, to the partitions in turn; returns when the broker has them."""

    def next(self, partition: int = 0) -> bytes:
        """The next message."""
        self.number += 1
        return b"%d.%d" % (partition, self.number - 1)


class RabbitTraffic(Traffic):
    """To one exchange. The broker confirms each message, or returns it because no queue took it."""

    def __init__(self, url: str, *, exchange: str, key: str) -> None:
        super().__init__()
        self._url = url
        self._exchange = exchange
        self._key = key
        self.confirmed: list[str] = []
        self.returned: list[str] = []
        self._connection: AbstractConnection

    async def blocked(self) -> None:
        """Wait until the broker says that it takes no more."""
        scope = anyio.CancelScope()
        while not scope.cancelled_caught:
            await anyio.sleep(_PAUSE)
            with anyio.move_on_after(0) as scope:
                assert self._connection.transport is not None
                await self._connection.transport.ready()  # waits while it is blocked

    async def send(self) -> None:
        while not self.ending:
            try:
                async with await aio_pika.connect(self._url, heartbeat=2) as self._connection:
                    async with self._connection.channel(on_return_raises=True) as channel:
                        await self._publish(channel)
            except CONNECTION_EXCEPTIONS:
                await anyio.sleep(_PAUSE)

    async def flood(self, bodies: Sequence[bytes]) -> None:
        await flood_queue(self._url, bodies, exchange=self._exchange, key=self._key)
        self.confirmed += [body.decode().partition(" ")[0] for body in bodies]

    async def _publish(self, channel: AbstractChannel) -> None:
        named = self._exchange
        exchange = await channel.get_exchange(named, ensure=False) if named else channel.default_exchange
        while not self.ending:
            body = self.next()
            try:
                await exchange.publish(aio_pika.Message(body, delivery_mode=2), self._key, timeout=_PATIENCE)
                self.confirmed.append(body.decode())
            except DeliveryError:
                self.returned.append(body.decode())
            await anyio.sleep(_PAUSE)


class KafkaTraffic(Traffic):
    """To each partition of a topic in turn."""

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        super().__init__(partitions)
        self._bootstrap = bootstrap
        self._topic = topic
        self._options = {
            "bootstrap.servers": bootstrap,
            "log_level": 0,
            "message.timeout.ms": 2000,
            "max.in.flight": 1,  # what is sent again does not change places with what follows
            "reconnect.backoff.max.ms": 200,
            "topic.metadata.refresh.interval.ms": 500,
        }

    async def send(self) -> None:
        producer = Producer(self._options)
        while not self.ending:
            for partition in range(self.partitions):
                self._produce(producer, partition)
            producer.poll(0)
            await anyio.sleep(_PAUSE)
        await to_thread.run_sync(producer.flush, 5.0)

    async def flood(self, bodies: Sequence[bytes]) -> None:
        await flood_topic(self._bootstrap, bodies, topic=self._topic, partitions=self.partitions)

    def _produce(self, producer: Producer, partition: int) -> None:
        try:
            producer.produce(self._topic, self.next(partition), partition=partition)
        except KafkaException:  # the topic, or this partition of it, is not there
            pass
