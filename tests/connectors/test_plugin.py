"""A connector from outside the project (`tests/plugin`, installed as a package of its own) passes the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from sse_gateway.connector import Connector
from sse_gateway.sources.discovery import connectors, installed
from sse_gateway.testing import ConnectorContract


@pytest.fixture(scope="module")
def found() -> type[Connector[Any]]:
    """The class, found by its entry point, as the gateway finds it: before the event loop runs."""
    return connectors(["lines"])["lines"]


def test_it_is_a_package_of_its_own(found: type[Connector[Any]]) -> None:
    assert found.__module__ == "sse_gateway_lines"
    package = installed()["lines"].dist
    assert package is not None
    assert package.name == "sse-gateway-lines"


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


class TestPlugin(ConnectorContract):
    @pytest.fixture(autouse=True)
    async def upstream(self, found: type[Connector[Any]]) -> AsyncIterator[None]:
        self.found = found
        self.server = LineServer()
        async with (
            await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
            anyio.create_task_group() as tasks,
        ):
            self.port = int(listener.extra_attributes[SocketAttribute.local_port]())
            tasks.start_soon(listener.serve, self.server.serve)
            yield
            tasks.cancel_scope.cancel()

    def _lines(self, port: int) -> Connector[Any]:
        return self.found(self.found.Config.model_validate({"port": port}), name="lines")

    async def connector(self) -> Connector[Any]:
        return self._lines(self.port)

    async def send(self, bodies: Sequence[bytes]) -> None:
        for body in bodies:
            await self.server.send(body)

    async def break_line(self) -> None:
        await self.server.hang_up()

    async def unreachable(self) -> Connector[Any]:
        async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
            port = int(listener.extra_attributes[SocketAttribute.local_port]())
        return self._lines(port)
