"""Test clients, loops and servers in one process, without any fixture that resets something."""

from __future__ import annotations

import asyncio

import anyio
import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.testclient import TestClient

from sse_gateway import EventSourceResponse, begin_shutdown

from .wire import forever, serve, some


async def endpoint(request: Request) -> EventSourceResponse:
    return EventSourceResponse(some("a", "b"))


app = Starlette(routes=[Route("/", endpoint), Route("/idle", lambda request: EventSourceResponse(forever("x")))])


def serve_on_a_socket() -> str:
    """A real server that is started, asked, and stopped while another stream is open."""

    async def run() -> str:
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve)
            while not server.started:
                await anyio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                text = (await client.get("/")).text
                async with client.stream("GET", "/idle"):
                    server.should_exit = True
                    begin_shutdown(asyncio.get_running_loop())
        return text

    return asyncio.run(run())


def test_each_streams_everything_whatever_ran_before_it() -> None:
    whole = "data: a\r\n\r\ndata: b\r\n\r\n"
    with TestClient(app) as client:
        assert [client.get("/").text, client.get("/").text] == [whole, whole]
    assert serve_on_a_socket() == whole
    for _ in range(2):
        assert asyncio.run(serve(EventSourceResponse(some("a", "b")))).body.decode() == whole
    assert serve_on_a_socket() == whole
    assert TestClient(app).get("/").text == whole
