"""What the tests do at the cluster themselves, with librdkafka: a client that shares nothing with ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from anyio import to_thread
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic

from sse_gateway_kafka import KafkaConfig, KafkaConnector


def connector(servers: str, **options: Any) -> Any:
    """A connector of a source that is called "orders"."""
    return KafkaConnector.build(KafkaConfig.model_validate({"servers": [servers], **options}), "orders")


class Upstream:
    """One cluster, and the topics of one test, which `close` deletes. Each act has a client of its own: none of them
    is left to connect again and again to a broker that a test killed."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._options: dict[str, Any] = {"bootstrap.servers": bootstrap, "log_level": 0}
        self._topics: set[str] = set()

    def name(self) -> str:
        """A name that no other test has."""
        return f"test-{uuid4().hex[:12]}"

    async def create(
        self, topic: str | None = None, *, partitions: int = 1, settings: Mapping[str, str] | None = None
    ) -> str:
        """Make a topic, by default with a name of its own."""
        topic = topic or self.name()
        self._topics.add(topic)
        new = NewTopic(topic, partitions, 1, config=dict(settings or {}))
        await self.administer(lambda admin: admin.create_topics([new]))
        await to_thread.run_sync(lambda: self._await(topic, partitions))
        return topic

    async def delete(self, topic: str) -> None:
        """Delete a topic."""
        self._topics.discard(topic)
        await self.administer(lambda admin: admin.delete_topics([topic]))

    async def extend(self, topic: str, partitions: int) -> None:
        """Let a topic have so many partitions."""
        await self.administer(lambda admin: admin.create_partitions([NewPartitions(topic, partitions)]))
        await to_thread.run_sync(lambda: self._await(topic, partitions))

    async def trim(self, topic: str, offsets: Mapping[int, int]) -> None:
        """Delete what lies below these offsets, by partition; -1 is all that there is."""
        floors = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
        await self.administer(lambda admin: admin.delete_records(floors))

    async def administer(self, ask: Callable[[AdminClient], Mapping[Any, Any]]) -> None:
        """Ask something of the cluster's controller, and wait until it is done."""

        def act() -> None:
            admin = AdminClient(self._options)
            for future in ask(admin).values():
                future.result(30)

        await to_thread.run_sync(act)

    async def send(self, topic: str, bodies: Sequence[bytes | None], **options: Any) -> None:
        """Write records, in order; returns when the broker has them."""
        await to_thread.run_sync(lambda: self._send(topic, bodies, options))

    def _send(self, topic: str, bodies: Sequence[bytes | None], options: dict[str, Any]) -> None:
        failures: list[object] = []
        producer = Producer({**self._options, "batch.num.messages": 1})  # a fetch gives out whole batches
        for body in bodies:
            producer.produce(
                topic, body, on_delivery=lambda error, _: failures.append(error) if error else None, **options
            )
        assert producer.flush(30) == 0, "the broker did not take the records"
        assert not failures, failures

    def _await(self, topic: str, partitions: int) -> None:
        # the controller has made it; the broker hears of that a moment later
        admin, deadline = AdminClient(self._options), time.monotonic() + 30
        while time.monotonic() < deadline:
            found = admin.list_topics(topic, timeout=30).topics[topic]
            if sum(partition.leader >= 0 for partition in found.partitions.values()) == partitions:
                return
        raise AssertionError(f"{topic} did not come to have {partitions} partitions")

    async def close(self) -> None:
        """Delete the topics that are left."""
        for topic in list(self._topics):
            await self.delete(topic)
