"""A consumer that has started, and what it finds: the beginning of every reading."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from aiokafka import AIOKafkaConsumer

from .client import close, first_broker, start
from .config import KafkaConfig
from .errors import translated
from .survey import Survey, survey

__all__ = ["open_consumer"]


@asynccontextmanager
async def open_consumer(
    config: KafkaConfig, *, group: str | None = None
) -> AsyncIterator[tuple[AIOKafkaConsumer, Survey]]:
    """Survey the topics, then start a consumer that has no partitions yet.

    Raises:
        SourceUnavailable: no server answers or lets us in, or a topic is not there.
    """
    async with first_broker(config) as broker:
        with translated("topics"):
            found = await survey(config, broker.connection.send)
    consumer = AIOKafkaConsumer(**{**broker.options, **_options(config), **(_member(group, config) if group else {})})
    try:
        await start(consumer, within=config.timeout)
        with translated("topics"), anyio.fail_after(config.timeout):
            await consumer._client.set_topics(found.topics)  # or the first question about an offset waits for nothing
        yield consumer, found
    finally:
        await close(consumer)


def _member(group: str, config: KafkaConfig) -> dict[str, Any]:
    session = int(config.session * 1000)
    return {
        "group_id": group,
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
