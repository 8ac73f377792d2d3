"""What the cluster holds of a source: its topics, their identity, the name of each partition in an event id, and offsets."""

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

from .client import NO_ID, TopicsRequest, close, first_broker, know, start
from .config import KafkaConfig
from .errors import translated

EARLIEST = 0.0
LATEST = math.inf

_UNKNOWN_TOPIC, _LEADER_NOT_AVAILABLE, _NOT_ALLOWED = 3, 5, 29
_REASONS = {
    _UNKNOWN_TOPIC: "is not there",
    _LEADER_NOT_AVAILABLE: "is being made",
    _NOT_ALLOWED: "is not for us to read (or is not there)",
}


@dataclass(frozen=True, slots=True)
class Survey:
    """The topics of a source at one moment. Two replicas that see the same cluster have equal surveys."""

    epoch: str
    """The history that offsets belong to: another one after a topic was deleted and made anew."""
    names: dict[TopicPartition, str]
    """Every partition, with its name in an event id."""
    identities: dict[str, str] = field(default_factory=dict)
    """What tells each topic from one of its name that was deleted."""

    @property
    def topics(self) -> set[str]:
        return {partition.topic for partition in self.names}

    def anew(self, before: Survey) -> set[TopicPartition]:
        """The partitions whose topic was deleted and made anew since: they have the same number, and another name."""
        return {partition for partition, name in self.names.items() if before.names.get(partition, name) != name}


async def survey(config: KafkaConfig, send: Callable[[TopicsRequest], Awaitable[Any]]) -> Survey:
    """Ask a broker, over `send`, for the topics that `config` names.

    Raises:
        SourceUnavailable: one of them is not there or not for us, or no topic fits the pattern.
        KafkaError: the broker refuses us, or the question.
    """
    answer = await send(TopicsRequest(config.topics or None))
    found = [_Topic.of(topic) for topic in answer.topics]
    if config.pattern is None:
        topics = [_present(topic) for topic in found]
        identity = digest36(config.epoch, *sorted(topic.identity(answer.cluster_id) for topic in topics))
    else:
        topics = [topic for topic in found if topic.fits(config.pattern)]
        identity = digest36(config.epoch, answer.cluster_id or "")
        if not topics:
            raise SourceUnavailable(f'no topic fits pattern = "{config.pattern}"')
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
        id = rest.pop(0) if isinstance(rest[0], bytes) else NO_ID  # there is none in version 5
        return cls(error, name, id, rest[0], tuple(sorted(partition[1] for partition in rest[1])))

    def fits(self, pattern: str) -> bool:
        return not self.error and not self.internal and re.fullmatch(pattern, self.name) is not None

    def identity(self, cluster: str | None) -> str:
        return self.id.hex() if self.id != NO_ID else f"{cluster}/{self.name}"


def _present(topic: _Topic) -> _Topic:
    if topic.error in _REASONS:
        raise SourceUnavailable(f"topic {topic.name} {_REASONS[topic.error]}")
    if topic.error:
        raise for_code(topic.error)(f"topic {topic.name}")
    return topic


def _names(topics: Iterable[_Topic], cluster: str | None, *, single: bool) -> dict[TopicPartition, str]:
    """A partition is named by its number; among several topics the topic's own part stands before it."""
    names: dict[TopicPartition, str] = {}
    for topic in topics:
        prefix = "" if single else digest36(topic.identity(cluster), length=5)
        for number in topic.partitions:
            names[TopicPartition(topic.name, number)] = prefix + base36(number)
    if len(set(names.values())) < len(names):
        raise SourceUnavailable(
            "two topics have the same short name in event ids; change `epoch` or read them by two sources"
        )
    return names


@asynccontextmanager
async def open_consumer(config: KafkaConfig) -> AsyncIterator[tuple[AIOKafkaConsumer, Survey]]:
    """Survey the topics, then start a consumer that has no partitions yet.

    Raises:
        SourceUnavailable: no server answers or lets us in, or a topic is not there.
    """
    async with first_broker(config) as broker:
        with translated("topics"):
            found = await survey(config, broker.connection.send)
    consumer = AIOKafkaConsumer(**{**broker.options, **_options(config), **_member(config)})
    try:
        await start(consumer, within=config.timeout)
        with translated("topics"), anyio.fail_after(config.timeout):
            await know(consumer, found.topics)
        yield consumer, found
    finally:
        await close(consumer)


def _member(config: KafkaConfig) -> dict[str, Any]:
    if config.group is None:
        return {}
    session = int(config.session * 1000)
    return {
        "group_id": config.group,
        "session_timeout_ms": session,
        "heartbeat_interval_ms": session // 3,
        "rebalance_timeout_ms": session,
        # the answer to a join comes when the last member has joined, or its session has ended
        "request_timeout_ms": int(config.timeout * 1000) + session,
    }


def _options(config: KafkaConfig) -> dict[str, Any]:
    return {
        "enable_auto_commit": False,
        "auto_offset_reset": "none",  # what is trimmed or made anew is to be seen, not jumped over
        "isolation_level": "read_committed" if config.committed else "read_uncommitted",
        "fetch_max_wait_ms": int(config.fetch_wait * 1000),
        "max_partition_fetch_bytes": config.fetch_bytes,
        "fetch_max_bytes": config.fetch_total,
        "metadata_max_age_ms": int(config.refresh * 1000),
    }


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
    """The first offset at or after `moment`, the next to be written where nothing is as late. Raises
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


def beyond(partition: TopicPartition, offset: int, end: int) -> SourceUnavailable:
    """An offset that was read lies behind the end. For a moment that is so after a new leader took over; if it stays
    so, the leader had lost records, and their offsets will be given a second time."""
    return SourceUnavailable(
        f"{partition.topic}-{partition.partition} ends at {end}, and {offset} was reached before:"
        " if that lasts, its records were lost or it was made anew, and a new `epoch` starts over"
    )
