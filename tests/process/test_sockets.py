"""Sockets that listen, and peers that are dropped."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator

import pytest

from sse_gateway.errors import ConfigError
from sse_gateway.process import sockets


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with sockets.listen("127.0.0.1", 0, section="server", send_timeout=30.0) as listener:
        yield listener


def connect(listener: socket.socket) -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection: the client's and the accepted one."""
    client = socket.create_connection(listener.getsockname())
    return client, listener.accept()[0]


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (socket.TCP_USER_TIMEOUT, 30_000),
        (sockets._TCP_NOTSENT_LOWAT, 65536),
        (socket.TCP_NODELAY, 1),
        (socket.TCP_KEEPIDLE, 30),
    ],
)
def test_accepted_connections_inherit_the_options(listener: socket.socket, option: int, expected: int) -> None:
    client, accepted = connect(listener)
    with client, accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, option) == expected
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_a_timeout_may_be_longer_than_the_kernel_counts() -> None:
    with sockets.listen("127.0.0.1", 0, section="server", send_timeout=365 * 86400.0) as listener:
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 2**31 - 1


def test_a_taken_port_is_an_error_that_names_the_section_and_the_address(listener: socket.socket) -> None:
    port = listener.getsockname()[1]

    with pytest.raises(ConfigError, match=rf"\[admin\].* 127\.0\.0\.1 port {port}: Address already in use; is"):
        sockets.listen("127.0.0.1", port, section="admin")


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("203.0.113.1", "Cannot assign requested address; expected an address of this machine"),
        ("no.such.host.invalid", "no such host; .*"),
        ("a.name.with.a.label." + "x" * 64, "no such host; .*"),
        ("/run/gateway.sock", "no such host; .*"),
    ],
)
def test_an_address_that_is_not_ours_is_an_error_that_names_it(host: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=rf"\[server\].* {host} port 0: {reason}$"):
        sockets.listen(host, 0, section="server")


def test_a_port_is_free_again_as_soon_as_its_gateway_is_gone(listener: socket.socket) -> None:
    address = listener.getsockname()
    client, accepted = connect(listener)
    accepted.close()  # from here on the port is in TIME_WAIT
    client.close()
    listener.close()

    sockets.listen(*address, section="server").close()


def test_ipv6_has_its_own_family_and_any_address_takes_ipv4_too() -> None:
    with sockets.listen("::", 0, section="server") as listener:
        with socket.create_connection(("127.0.0.1", listener.getsockname()[1])) as client:
            assert client.getpeername()


def test_the_limit_of_open_files_is_raised_but_never_lowered() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        assert sockets.raise_descriptor_limit(512) == 512
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 512
        assert sockets.raise_descriptor_limit(300) == 512
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 512
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
