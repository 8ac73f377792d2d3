"""The sockets of clients, behind the server's back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import anyio
import pytest

from sse_gateway.sse import drop_frozen_clients, peer
from sse_gateway.sse.peer import Resets, peer_of, reset


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def connect(listener: socket.socket, stack: ExitStack) -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection: the client's and the accepted one."""
    client = stack.enter_context(socket.create_connection(listener.getsockname()))
    client.settimeout(5)
    return client, stack.enter_context(listener.accept()[0])


@pytest.mark.parametrize(
    ("client", "peer"),
    [
        (("127.0.0.1", 5), ("127.0.0.1", 5)),
        (("127.0.0.1", "5"), ("127.0.0.1", 5)),  # granian
        (["::1", 5], ("::1", 5)),
        (("", "0"), None),  # a Unix socket
        (("10.0.0.1", 0), None),  # behind a proxy
        (None, None),
    ],
)
def test_the_peer_is_who_the_server_says(client: object, peer: object) -> None:
    assert peer_of({"client": client}) == peer
    assert peer_of({}) is None


def test_a_peer_is_reset_and_the_others_are_not(listener: socket.socket) -> None:
    with ExitStack() as stack:
        (stuck, _), (well, accepted) = connect(listener, stack), connect(listener, stack)
        assert reset({stuck.getsockname()}, queued=False) == 1
        assert stuck.recv(1) == b""
        well.sendall(b"x")
        assert accepted.recv(1) == b"x"


def test_only_a_peer_with_bytes_to_read_holds_a_stopping_server(listener: socket.socket) -> None:
    with ExitStack() as stack:
        (full, accepted), (idle, _) = connect(listener, stack), connect(listener, stack)
        accepted.setblocking(False)
        accepted.send(b"x" * 10_000_000)
        assert reset({full.getsockname(), idle.getsockname()}, queued=True) == 1
        idle.settimeout(0.05)
        with pytest.raises(TimeoutError):
            idle.recv(1)


def test_the_kernel_drops_who_acknowledges_nothing_on_connections_to_come(listener: socket.socket) -> None:
    with ExitStack() as stack:
        _, before = connect(listener, stack)
        assert drop_frozen_clients(30) >= 1
        _, after = connect(listener, stack)
        found = [end.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) for end in (before, after)]
        assert found == [0, 30_000]


def test_without_such_a_timeout_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sse_gateway.sse.peer._USER_TIMEOUT", None)
    assert drop_frozen_clients(30) == 0


def test_where_descriptors_can_not_be_listed_nobody_is_reset(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sse_gateway.sse.peer._DESCRIPTORS", "/nowhere")
    with ExitStack() as stack:
        client, _ = connect(listener, stack)
        assert reset({client.getsockname()}, queued=False) == 0


@pytest.mark.anyio
async def test_peers_are_gathered_and_those_with_other_streams_stay(listener: socket.socket) -> None:
    with ExitStack() as stack:
        (first, _), (second, _), (shared, _) = (connect(listener, stack) for _ in range(3))
        resets = Resets(0.01, lambda: {shared.getsockname()}, queued=False)
        loop = asyncio.get_running_loop()
        for client in (first, second, shared):
            resets.add(loop, client.getsockname())
        resets.add(loop, None)
        for client in (first, second):
            assert await anyio.to_thread.run_sync(client.recv, 1) == b""
        shared.settimeout(0.05)
        with pytest.raises(TimeoutError):
            await anyio.to_thread.run_sync(shared.recv, 1)
        resets.add(loop, shared.getsockname())
        await anyio.sleep(0.05)


def test_a_peer_that_resets_while_it_is_being_reset_is_no_error(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        client, _ = connect(listener, stack)
        name = client.getsockname()

        def lose(connection: socket.socket) -> int:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, peer._RESET)
            client.close()
            return 1

        monkeypatch.setattr(peer, "_unread", lose)
        assert reset({name}, queued=True) == 0
