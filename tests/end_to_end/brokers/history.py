"""What a broker holds, read from its first offset by clients that share nothing with ours."""

from __future__ import annotations

import aio_pika
import anyio
from anyio import to_thread
from confluent_kafka import Consumer, TopicPartition

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
