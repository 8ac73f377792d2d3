"""Offsets that the brokers know: the two ends of each partition, and where it stood at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from sse_gateway.errors import SourceUnavailable

from .errors import translated
from .start import EARLIEST, LATEST

__all__ = ["beyond", "bounds", "offsets_at"]


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
