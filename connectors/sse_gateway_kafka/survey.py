"""What the cluster holds of a source: its topics, their identity, and the name of each partition in an event id."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import for_code

from sse_gateway.errors import SourceUnavailable

from .config import KafkaConfig
from .metadata import NO_ID, TopicsRequest

__all__ = ["Survey", "survey"]

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
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
        identity = _digest(config.epoch, *sorted(topic.identity(answer.cluster_id) for topic in topics))
    else:
        topics = [topic for topic in found if topic.fits(config.pattern)]
        identity = _digest(config.epoch, answer.cluster_id or "")
        if not topics:
            raise SourceUnavailable(f'no topic fits pattern = "{config.pattern}"')
    names = _names(topics, answer.cluster_id, single=len(config.topics) == 1)
    return Survey(identity, names, {topic.name: _digest(topic.identity(answer.cluster_id)) for topic in topics})


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
        prefix = "" if single else _digest(topic.identity(cluster), length=5)
        for number in topic.partitions:
            names[TopicPartition(topic.name, number)] = prefix + _base36(number)
    if len(set(names.values())) < len(names):
        raise SourceUnavailable(
            "two topics have the same short name in event ids; change `epoch` or read them by two sources"
        )
    return names


def _digest(*parts: str, length: int = 8) -> str:
    number = int.from_bytes(hashlib.blake2b("\n".join(parts).encode(), digest_size=8).digest())
    return _base36(number).rjust(length, "0")[-length:]


def _base36(number: int) -> str:
    text = ""
    while number or not text:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text
