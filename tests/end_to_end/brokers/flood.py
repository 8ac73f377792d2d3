"""Many messages at once, as fast as the brokers take them."""

from __future__ import annotations

from collections.abc import Sequence

import aio_pika
import aiormq
from aiormq.abc import ChannelFrame
from anyio import to_thread
from confluent_kafka import Producer
from pamqp import commands, frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

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
