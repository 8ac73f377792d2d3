"""A client that reads nothing."""

from __future__ import annotations

import anyio

from sse_gateway.testing import EventStreamReader

from ..sse.servers import Server, frozen, until


async def test_a_frozen_client_is_dropped_and_its_connection_is_gone_while_another_reads(server: Server) -> None:
    with frozen(server, "/events") as client:
        port = client.getsockname()[1]
        async with EventStreamReader(f"{server.url}/events") as stream:
            with anyio.fail_after(60):
                while "closed: timeout" not in server.log:
                    assert len((await stream.receive()).data) == 65_536
            await until(lambda: not server.holds(port), 10, lambda: "the socket is open")
            await stream.receive()
    await server.logged("closed: client")
    assert server.log.count("finally") == 2
    assert "listening sockets that were told: 1" in server.log
    assert "Traceback" not in server.log
