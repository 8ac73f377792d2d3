"""The engine is a library: its tests run on asyncio's own loop and on uvloop."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sse_gateway.sse import AppStatus, watch_shutdown


def pytest_addoption(parser: pytest.Parser) -> None:
    """The oldest anyio that the engine allows has no automatic mode, and pytest refuses options that it does not know."""
    parser.addini("anyio_mode", "as newer versions of anyio declare it")


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(name: str, obj: object) -> None:
    """Mark each asynchronous test, as the automatic mode does."""
    if name.startswith("test") and inspect.iscoroutinefunction(obj):
        pytest.mark.anyio(obj)


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
