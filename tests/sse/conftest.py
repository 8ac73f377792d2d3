"""The engine is a library: its tests run on asyncio's own loop and on uvloop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sse_gateway.sse import AppStatus, watch_shutdown


@pytest.fixture(scope="session", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture
async def afresh() -> AsyncIterator[None]:
    """A test that stops the server finds it running, and so does the next one."""
    watch_shutdown()
    yield
    watch_shutdown()
    AppStatus.enable_automatic_graceful_drain = True
