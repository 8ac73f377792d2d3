"""The cluster as the tests of this folder see it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.brokers.kafka.broker import Kafka
from tests.brokers.proxy import Proxy

from .upstream import Upstream


@pytest.fixture
async def upstream(kafka_bootstrap: str) -> AsyncIterator[Upstream]:
    """What the test does at the cluster, undone at its end."""
    upstream = Upstream(kafka_bootstrap)
    yield upstream
    await upstream.close()


@pytest.fixture
async def proxy(own_kafka: Kafka) -> AsyncIterator[Proxy]:
    """A line to a broker of ours that the test can cut; clients that begin at its port stay behind it."""
    target, port = own_kafka.proxy
    async with Proxy.open(target, port) as proxy:
        yield proxy


@pytest.fixture
async def line(own_kafka_or_none: Kafka | None) -> AsyncIterator[Proxy | None]:
    """The same where the broker is ours, and nothing in front of a broker of the user's own."""
    if own_kafka_or_none is None:
        yield None
        return
    target, port = own_kafka_or_none.proxy
    async with Proxy.open(target, port) as proxy:
        yield proxy
