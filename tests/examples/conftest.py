"""Each module of this folder tests the example that it is named after, on servers that this starts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ..sse.servers import Server
from .scripts import serving


@pytest.fixture(scope="module", params=["uvicorn", "granian"])
async def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    name = request.module.__name__.rpartition(".test_")[2]
    async with serving(name, tmp_path_factory.mktemp(name), on=request.param) as server:
        yield server


@pytest.fixture
def server(started: Server) -> Server:
    """It has a log in which nothing stands yet."""
    started.forget()
    return started
