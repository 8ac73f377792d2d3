"""What brokers have, as it comes to a client: with its headers, deletions and failures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import aio_pika

from sse_gateway.testing import EventStreamReader, ReceivedEvent

from ..gateway import Gateway, running
from .source import Upstreams

ROUTE = """
[[routes]]
path = "/events/{name}"
channels = ["{path.name}"]
"""


def source(name: str, connector: str, options: str, more: str = "") -> str:
    return f'[sources.{name}]\nchannel = "{name}"\n{more}\n[sources.{name}.{connector}]\n{options}\n'


async def events(gateway: Gateway, channel: str, count: int) -> Sequence[ReceivedEvent]:
    """The first of a channel, from its log."""
    found: list[ReceivedEvent] = []
    async with EventStreamReader(f"{gateway.public}/events/{channel}", last_event_id="earliest") as stream:
        while len(found) < count:
            event = await stream.receive()
            found += [] if event.type.startswith("gateway.") else [event]
    return found


async def test_what_can_not_be_mapped_is_dead_lettered(tmp_path: Path, upstreams: Upstreams) -> None:
    """The messages around it come, with the type that their header names."""
    failed = await upstreams.rabbit.queue()
    queue = await upstreams.rabbit.queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": failed})
    options = f'url = "{upstreams.rabbit.url}"\nmode = "queue"\nqueue = "{queue}"\nsingle_replica = true'
    text = ROUTE + source("orders", "rabbitmq", options, 'encoding = "json"\nevent = "{headers.x-kind}"')
    async with running(tmp_path, text) as gateway:
        for body in (b'{"order": 1}', b"no JSON", b'{"order": 2}'):
            await upstreams.rabbit.publish([body], key=queue, headers={"X-Kind": "paid"})
        [dead] = await upstreams.rabbit.read(failed, 1)
        came = await events(gateway, "orders", 2)
        async with upstreams.rabbit.channel() as channel:
            left: aio_pika.abc.AbstractQueue = await channel.get_queue(queue)
        assert await gateway.metric("sse_gateway_source_unmappable_total") == 1
    assert (dead.body, dead.headers["X-Kind"]) == (b"no JSON", "paid")
    assert [(event.type, event.data) for event in came] == [("paid", '{"order":1}'), ("paid", '{"order":2}')]
    assert left.declaration_result.message_count == 0


async def test_a_tombstone_is_the_deletion_of_its_key(tmp_path: Path, upstreams: Upstreams) -> None:
    topic = await upstreams.topics.create(partitions=1)
    options = f'servers = ["{upstreams.kafka.bootstrap}"]\ntopics = ["{topic}"]'
    text = ROUTE + source("orders", "kafka", options, 'event = "{headers.kind}"')
    async with running(tmp_path, text) as gateway:
        await upstreams.topics.send(topic, [b"paid it is"], key=b"7", headers=[("Kind", b"paid")])
        await upstreams.topics.send(topic, [None], key=b"7")
        came = await events(gateway, "orders", 2)
    assert [(event.type, event.data) for event in came] == [("paid", "paid it is"), ("delete", "7")]
