"""The server that the gateway uses, with an application of the test's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup
from starlette.types import ASGIApp

from sse_gateway.process import sockets
from sse_gateway.process.granian import Server


@asynccontextmanager
async def serving(app: ASGIApp, *, send_timeout: float = 30.0) -> AsyncIterator[tuple[Server, int, TaskGroup]]:
    """A server in a task group, its port, and the group; stopped at the end."""
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            listener = sockets.listen("127.0.0.1", 0, section="server", send_timeout=send_timeout)
            port = listener.getsockname()[1]
            server = await anyio.to_thread.run_sync(Server, app, listener)  # it asks for the working directory
            group.start_soon(server.run)
            try:
                yield server, port, group
            finally:
                server.stop()
