"""What the cluster holds of a source: topics, their identity, the name of each partition in an event id, and offsets."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import anyio
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import for_code

from sse_gateway.connector import SourceUnavailable, base36, digest36, parse_start

from .client import NO_ID, TopicsRequest, first_broker, know, running, translated
from .config import KafkaConfig

EARLIEST = 0.0
LATEST = math.inf

_UNKNOWN_TOPIC, _LEADER_NOT_AVAILABLE, _NOT_ALLOWED = 3, 5, 29
_REASONS = {
    _UNKNOWN_TOPIC: "does not exist",
    _LEADER_NOT_AVAILABLE: "is being created",
    _NOT_ALLOWED: "may not be read by this user (or does not exist)",
}


@dataclass(frozen=True, slots=True)
class Survey:
    """The topics of a source at one moment. Two replicas that see the same cluster have equal surveys."""

    epoch: str
    """The history that offsets belong to: another one after a topic was deleted and recreated."""
    names: dict[TopicPartition, str]
    """Every partition, with its name in an event id."""
    identities: dict[str, str] = field(default_factory=dict)
    """By topic: a text that differs from that of a deleted topic with the same name."""

    @property
    def topics(self) -> set[str]:
        return {partition.topic for partition in self.names}

    def recreated(self, before: Survey) -> set[TopicPartition]:
        """The partitions whose topic was deleted and recreated since: they have the same number, and another name."""
        return {partition for partition, name in self.names.items() if before.names.get(partition, name) != name}


async def survey(config: KafkaConfig, send: Callable[[TopicsRequest], Awaitable[Any]]) -> Survey:
    """Ask a broker, over `send`, for the topics that `config` names.

    Raises:
        SourceUnavailable: a topic does not exist or may not be read, or no topic matches the pattern.
        KafkaError: the broker refuses the client or the request.
    """
    answer = await send(TopicsRequest(config.topics or None))
    found = [_Topic.of(topic) for topic in answer.topics]
    if config.pattern is None:
        topics = [topic.required() for topic in found]
        identity = digest36(config.epoch, *sorted(topic.identity(answer.cluster_id) for topic in topics))
    else:
        topics = [topic for topic in found if topic.matches(config.pattern)]
        identity = digest36(config.epoch, answer.cluster_id or "")
        if not topics:
            raise SourceUnavailable(f'no topic matches pattern = "{config.pattern}"')
    names = _names(topics, answer.cluster_id, single=len(config.topics) == 1)
    return Survey(identity, names, {topic.name: digest36(topic.identity(answer.cluster_id)) for topic in topics})


@dataclass(frozen=True, slots=True)
class _Topic:
    error: int
    name: str
    id: bytes
    internal: bool
    partitions: tuple[int, ...]

    @classmethod
    def of(cls, topic: tuple[Any, ...]) -> _Topic:
        error, name, *rest = topic
        id = rest.pop(0) if isinstance(rest[0], bytes) else NO_ID  # version 5 has none
        return cls(error, name, id, rest[0], tuple(sorted(partition[1] for partition in rest[1])))

    def matches(self, pattern: str) -> bool:
        return not self.error and not self.internal and re.fullmatch(pattern, self.name) is not None

    def required(self) -> _Topic:
        if self.error in _REASONS:
            raise SourceUnavailable(f"topic {self.name} {_REASONS[self.error]}")
        if self.error:
            raise for_code(self.error)(f"topic {self.name}")
        return self

    def identity(self, cluster: str | None) -> str:
        return self.id.hex() if self.id != NO_ID else f"{cluster}/{self.name}"


def _names(topics: Iterable[_Topic], cluster: str | None, *, single: bool) -> dict[TopicPartition, str]:
    """The name of a partition is its number. With several topics, a short name of the topic comes before it."""
    names: dict[TopicPartition, str] = {}
    for topic in topics:
        prefix = "" if single else digest36(topic.identity(cluster), length=5)
        for number in topic.partitions:
            names[TopicPartition(topic.name, number)] = prefix + base36(number)
    if len(set(names.values())) < len(names):
        raise SourceUnavailable(
            "two topics have the same short name in event ids; change `epoch` or read them with two sources"
        )
    return names


@asynccontextmanager
async def open_consumer(config: KafkaConfig) -> AsyncIterator[tuple[AIOKafkaConsumer, Survey]]:
    """Survey the topics, then start a consumer that has no partitions yet.

    Raises:
        SourceUnavailable: no server answers or accepts the client, or a topic does not exist.
    """
    async with first_broker(config) as (connection, options):
        with translated("topics"):
            found = await survey(config, connection.send)
    consumer = AIOKafkaConsumer(**{**options, **_options(config)})
    async with running(consumer, within=config.timeout):
        with translated("topics"), anyio.fail_after(config.timeout):
            await know(consumer, found.topics)
        yield consumer, found


def _options(config: KafkaConfig) -> dict[str, Any]:
    options: dict[str, Any] = {
        "enable_auto_commit": False,
        "auto_offset_reset": "none",  # an offset that was trimmed must raise, and not be replaced by another one
        "isolation_level": "read_committed" if config.committed else "read_uncommitted",
        "fetch_max_wait_ms": int(config.fetch_wait * 1000),
        "max_partition_fetch_bytes": config.fetch_bytes,
        "fetch_max_bytes": config.fetch_total,
        "metadata_max_age_ms": int(config.refresh * 1000),
    }
    if config.group is not None:
        session = int(config.session * 1000)
        options["group_id"] = config.group
        options["session_timeout_ms"] = options["rebalance_timeout_ms"] = session
        options["heartbeat_interval_ms"] = session // 3
        # a join is answered when the last member has joined, or its session has ended
        options["request_timeout_ms"] = int(config.timeout * 1000) + session
    return options


def moment(start: str, *, now: float) -> float:
    """The time that the option `start` means, in seconds since 1970; `EARLIEST` and `LATEST` are the two ends of the
    history. Raises ValueError."""
    value = parse_start(start, "latest", "earliest")
    if isinstance(value, datetime):
        return max(value.timestamp(), EARLIEST)
    if isinstance(value, timedelta):
        return max(now - value.total_seconds(), EARLIEST)
    return LATEST if value == "latest" else EARLIEST


async def bounds(
    consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]
) -> dict[TopicPartition, tuple[int, int]]:
    """The earliest offset that is held and the next to be read of each partition; the next one is the end of committed
    transactions where the consumer reads only those. Raises SourceUnavailable."""
    wanted = list(partitions)
    first = await offsets_at(consumer, wanted, EARLIEST)
    following = await offsets_at(consumer, wanted, LATEST)
    return {partition: (first[partition], following[partition]) for partition in wanted}


async def offsets_at(
    consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition], moment: float
) -> dict[TopicPartition, int]:
    """The first offset at or after `moment`, or the next to be written where there is none. Raises
    SourceUnavailable."""
    wanted = list(partitions)
    if not wanted:
        return {}
    with translated("offsets"):
        if moment == EARLIEST:
            return dict(await consumer.beginning_offsets(wanted))
        end: dict[TopicPartition, int] = dict(await consumer.end_offsets(wanted))
        if moment == LATEST:
            return end
        found: dict[TopicPartition, Any] = await consumer.offsets_for_times(dict.fromkeys(wanted, int(moment * 1000)))
    return {partition: found[partition].offset if found[partition] else end[partition] for partition in wanted}
