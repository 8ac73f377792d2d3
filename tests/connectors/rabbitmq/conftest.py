"""The broker as the tests of this folder see it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.brokers.proxy import Proxy

from .upstream import TRIMMED, Upstream


@pytest.fixture
async def upstream(rabbitmq_url: str) -> AsyncIterator[Upstream]:
    """What the test does at the broker, undone at its end."""
    upstream = Upstream(rabbitmq_url)
    yield upstream
    await upstream.close()


@pytest.fixture
async def proxy(rabbitmq_url: str) -> AsyncIterator[Proxy]:
    """A line to the broker that the test can cut."""
    async with Proxy.open(rabbitmq_url) as proxy:
        yield proxy


@pytest.fixture
async def trimmed(upstream: Upstream) -> str:
    """A stream of 200 messages of 1 kB, whose first were dropped by the broker."""
    stream = await upstream.stream(TRIMMED)
    await upstream.trim(stream, 1)
    return stream
