"""A client that reads only when it likes, and what the kernel knows of its connection."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import anyio

from .gateway import Gateway


class SlowClient:
    """Asks for a stream. `window` is the size of its receive buffer, in bytes."""

    def __init__(self, gateway: Gateway, path: str, *, window: int = 4096) -> None:
        self._server = "127.0.0.1", urlsplit(gateway.public).port or 0
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self._socket.connect(self._server)
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: gateway\r\n\r\n".encode())
        self._socket.setblocking(False)
        self._address = self._socket.getsockname()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._socket.close()

    async def read(self) -> None:
        """Take some of what has come, which opens the window, and then take one's time: 250 KB in 3 s."""
        with suppress(BlockingIOError, ConnectionResetError):
            self._socket.recv(65536)
        await anyio.sleep(0.8)

    @property
    def connected(self) -> bool:
        """Whether the gateway's end of the connection still lives in the kernel."""
        ends = [_as_in_proc(*self._server), _as_in_proc(*self._address)]
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return any(row[1:3] == ends for row in rows)


def _as_in_proc(host: str, port: int) -> str:
    return "".join(f"{int(byte):02X}" for byte in reversed(host.split("."))) + f":{port:04X}"
