"""The connector against the contract of the gateway: a server that sends lines, and hangs up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from sse_gateway.testing import ConnectorContract
from sse_gateway_lines import LinesConfig, LinesConnector


@pytest.fixture
def anyio_backend() -> str:
    """The contract's tests run on whatever this says."""
    return "asyncio"


class LineServer:
    """Sends a line to all who are connected, and hangs up on them."""

    def __init__(self) -> None:
        self.clients: set[SocketStream] = set()
        self.came = anyio.Event()

    async def serve(self, client: SocketStream) -> None:
        async with client:
            self.clients.add(client)
            self.came.set()
            try:
                await client.receive()  # nothing is ever sent: it returns when the client is gone
            except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                self.clients.discard(client)

    async def send(self, line: bytes) -> None:
        while not self.clients:
            self.came = anyio.Event()
            await self.came.wait()
        for client in list(self.clients):
            await client.send(line + b"\n")

    async def hang_up(self) -> None:
        for client in list(self.clients):
            await anyio.aclose_forcefully(client)


class TestLines(ConnectorContract):
    @pytest.fixture(autouse=True)
    async def upstream(self) -> AsyncIterator[None]:
        self.server = LineServer()
        async with (
            await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
            anyio.create_task_group() as tasks,
        ):
            self.port = int(listener.extra_attributes[SocketAttribute.local_port]())
            tasks.start_soon(listener.serve, self.server.serve)
            yield
            tasks.cancel_scope.cancel()

    async def connector(self) -> LinesConnector:
        return LinesConnector(LinesConfig(port=self.port), name="lines")

    async def send(self, bodies: Sequence[bytes]) -> None:
        for body in bodies:
            await self.server.send(body)

    async def break_line(self) -> None:
        await self.server.hang_up()

    async def unreachable(self) -> LinesConnector:
        async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
            port = int(listener.extra_attributes[SocketAttribute.local_port]())
        return LinesConnector(LinesConfig(port=port), name="lines")
