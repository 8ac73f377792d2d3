"""What every test runs under: asyncio on uvloop, and no blocking call of ours inside the loop."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.brokers.fixtures", "tests.end_to_end.brokers.report"]

# How long an example takes says nothing on a machine that does other things too.
settings.register_profile("beside others", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("beside others")

OURS = ["sse_gateway", "sse_gateway_generate", "sse_gateway_kafka", "sse_gateway_rabbitmq", "sse_gateway_webhook"]


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The loop that the gateway runs on."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(autouse=True)
def no_blocking_call() -> Iterator[None]:
    """A call of ours that blocks the event loop fails the test (the tests' own files and sockets may block)."""
    with blockbuster_ctx(scanned_modules=[*OURS]):
        yield


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """What a test sets up of logging is undone."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
