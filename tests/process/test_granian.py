"""The embedded server, and what the gateway relies on in it. The canaries fail when a new granian changes that."""

from __future__ import annotations

import inspect
import logging
import socket
import struct

import anyio
import granian.server.embed
import pytest
from anyio.abc import SocketAttribute, SocketStream
from starlette.types import Receive, Scope, Send

from sse_gateway.process import sockets
from sse_gateway.process.granian import Server
from sse_gateway.sse.peer import reset

from .serving import serving

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}


def body(data: bytes, more: bool = True) -> dict[str, object]:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    await send(body(b"hello", more=False))


async def get(port: int, *, receive_buffer: int | None = None) -> SocketStream:
    """A connection on which a request was sent."""
    stream = await anyio.connect_tcp("127.0.0.1", port)
    if receive_buffer is not None:
        raw = stream.extra(SocketAttribute.raw_socket)  # noqa: S610  # not Django's
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    await stream.send(b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n")
    return stream


async def read_to(stream: SocketStream, end: bytes) -> bytes:
    data = b""
    while end not in data:
        data += await stream.receive()
    return data


async def greeted(port: int) -> None:
    """Wait until `hello` has answered. A request that nobody waits for may come to the loop when the test is over."""
    async with await get(port) as stream:
        assert b"\r\nhello\r\n" in await read_to(stream, b"0\r\n\r\n")


async def test_it_serves_on_the_socket_that_it_was_given() -> None:
    async with serving(hello) as (server, port, _):
        assert server.url == f"http://127.0.0.1:{port}"
        await greeted(port)


async def test_the_port_can_not_be_shared_with_a_second_gateway() -> None:
    """Granian by itself sets SO_REUSEPORT: both would run, and each get half of the connections."""
    async with serving(hello) as (_, port, _):
        with pytest.raises(OSError, match="in use"):
            socket.create_server(("127.0.0.1", port), reuse_port=True).close()


async def test_the_queue_of_new_connections_stays_as_long_as_the_system_allows() -> None:
    """Granian listens once more, with a backlog of its own: 128 unless it is told."""
    with sockets.listen("127.0.0.1", 0, section="server") as listener, listener.dup() as same:
        allowed = backlog(same)
        server = await anyio.to_thread.run_sync(Server, hello, listener)
        async with anyio.create_task_group() as group:
            group.start_soon(server.run)
            await greeted(same.getsockname()[1])
            assert backlog(same) == allowed > 128
            server.stop()


def backlog(listener: socket.socket) -> int:
    """From the kernel's tcp_info: for a socket that listens, `tcpi_sacked` is its backlog."""
    return int(struct.unpack_from("=I", listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 64), 28)[0])


async def test_stopping_refuses_the_next_connection_and_lets_an_open_stream_end_in_order() -> None:
    end = anyio.Event()

    async def stream_until_end(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(body(b"first"))
        await end.wait()
        await send(body(b"last", more=False))

    async with serving(stream_until_end) as (server, port, _):
        async with await get(port) as stream:
            await read_to(stream, b"first")
            server.stop()
            await refused(port)
            assert not server.closed.is_set()
            end.set()
            assert b"last" in await read_to(stream, b"0\r\n\r\n")
            await server.closed.wait()


async def refused(port: int) -> None:
    """Wait until nobody listens any more."""
    while True:
        try:
            await (await anyio.connect_tcp("127.0.0.1", port)).aclose()
        except OSError:
            return


async def test_a_cancelled_server_goes_on_until_it_is_stopped() -> None:
    """Cancelling granian itself leaves its listener open and fails later; so a cancelled `run` only waits for `stop`."""
    async with serving(hello) as (server, port, group):
        await greeted(port)
        group.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await greeted(port)
            server.stop()
            await server.closed.wait()


async def test_a_bug_in_an_application_is_logged_by_our_own_handlers(caplog: pytest.LogCaptureFixture) -> None:
    """Granian configures logging when a server is made; ours must be left alone."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError("a bug")

    before = logging.getLogger().handlers[:]
    async with serving(broken) as (_, port, _):
        async with await get(port) as stream:
            assert b" 500 " in await stream.receive()

    assert logging.getLogger().handlers == before
    assert [record.name.partition(".")[0] for record in caplog.records] == ["_granian"]
    assert "a bug" in caplog.text


async def test_a_server_that_ends_by_itself_is_an_error() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="ended by itself")):
        async with serving(hello) as (server, port, _):
            await greeted(port)
            server.wrks[0]._sig.set()
            await server.closed.wait()


async def test_a_client_that_reads_nothing_is_dropped_by_the_kernel_within_the_send_timeout() -> None:
    """Also a write that waits is over then, and the request sees that its client has gone."""
    gone = anyio.Event()
    peers: list[tuple[str, int]] = []

    async def flood(scope: Scope, receive: Receive, send: Send) -> None:
        peers.append((scope["client"][0], int(scope["client"][1])))
        await send(START)
        async with anyio.create_task_group() as group:
            group.start_soon(_send_for_ever, send)
            await receive()
            while (await receive())["type"] != "http.disconnect":
                pass
            gone.set()
            group.cancel_scope.cancel()

    async with serving(flood, send_timeout=1.0) as (_, port, _):
        async with await get(port, receive_buffer=4096):
            with anyio.fail_after(15):
                await gone.wait()
            assert await anyio.to_thread.run_sync(reset, peers) == 0  # its socket is no longer there


async def _send_for_ever(send: Send) -> None:
    while True:
        await send(body(b"x" * 65536))
        await anyio.lowlevel.checkpoint()


async def test_canary_an_aborted_client_is_seen_as_a_disconnect_at_once() -> None:
    seen, peers = anyio.Event(), list[tuple[str, int]]()

    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        peers.append((scope["client"][0], int(scope["client"][1])))
        await send(START)
        await receive()
        assert (await receive())["type"] == "http.disconnect"
        seen.set()

    async with serving(wait) as (_, port, _):
        async with await get(port) as stream:
            await stream.receive()
            assert await anyio.to_thread.run_sync(reset, peers) == 1
            with anyio.fail_after(10):
                await seen.wait()


async def test_canary_the_final_message_is_followed_by_a_disconnect() -> None:
    """So a stream that was sent away ends its request by itself."""
    after: list[str] = []
    ended = anyio.Event()

    async def farewell(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(START)
        await send(body(b"bye", more=False))
        after.append((await receive())["type"])
        ended.set()

    async with serving(farewell) as (_, port, _):
        async with await get(port) as stream:
            await read_to(stream, b"0\r\n\r\n")
            with anyio.fail_after(30):
                await ended.wait()
    assert after == ["http.disconnect"]


def test_canary_granian_asks_for_its_socket_where_the_gateway_answers() -> None:
    """`_init_shared_socket` is private to granian; `Server` overrides it."""
    assert Server._init_shared_socket is not granian.server.embed.Server._init_shared_socket
    startup = inspect.getsource(granian.server.embed.Server.startup)
    spawn = inspect.getsource(granian.server.embed.Server._spawn_worker)

    assert "self._init_shared_socket()" in startup
    assert "(self._ssp, self._shd)" in spawn
