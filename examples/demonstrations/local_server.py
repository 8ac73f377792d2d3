"""The server of a demonstration, in the event loop of its clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import uvicorn
from starlette.types import ASGIApp

from sse_gateway import begin_shutdown


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """Serve `app` on a free port of this machine, and give its URL. Streams that are open at the end come to theirs."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve)
        while not server.started:
            await anyio.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        begin_shutdown(asyncio.get_running_loop())  # by hand, since no signal tells this server
        server.should_exit = True
