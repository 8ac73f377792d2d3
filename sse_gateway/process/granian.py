"""The HTTP server: granian, embedded in our own loop, on a socket of our own."""

from __future__ import annotations

import socket

import anyio
from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server as EmbeddedServer
from starlette.types import ASGIApp

from ..logs import EMBEDDED
from .sockets import BACKLOG

_HEADROOM = 1024
"""Connections beyond the clients: webhooks, pages, and clients that are being put off."""
_HEADER_TIMEOUT_MS = 5000
"""Also how long an idle connection is kept, and how long a half-sent request can hold up the end of a drain."""
_BUFFER = 65536
"""Bytes that granian holds back for a slow client: one join. Also the limit of a request's headers."""


class Server(EmbeddedServer):
    """Serves `app` on `listener`, with at most `clients` connections and some headroom.

    HTTP/1.1 only: granian's detection of HTTP/2 lets a silent connection wait for ever, and browsers speak HTTP/2 over TLS
    only, which ends in front of us.
    """

    def __init__(self, app: ASGIApp, listener: socket.socket, *, clients: int = 0) -> None:
        host, port = listener.getsockname()[:2]
        super().__init__(
            app,
            address=host,
            port=port,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=_HEADER_TIMEOUT_MS, max_buffer_size=_BUFFER),
            websockets=False,
            backlog=BACKLOG,
            backpressure=clients + _HEADROOM,
            # It says at INFO what we say ourselves, and at each start that embedding is experimental.
            log_level=LogLevels.error,
            log_dictconfig=EMBEDDED,
        )
        self.url = f"http://{_reachable(host)}:{port}"
        """Where it is reached from this machine."""
        self.closed = anyio.Event()
        """Set when every connection is closed, after `stop()`."""
        self._listener = listener

    def _init_shared_socket(self) -> None:
        # Private to granian, which can't be handed a socket otherwise; tests/test_server.py guards it.
        self._ssp, self._shd = None, SocketHolder(self._listener.detach(), False, self.backlog)  # type: ignore[call-arg, assignment]  # its stub is wrong

    async def run(self) -> None:
        """Serve until `stop()` was called and every connection is closed. A cancelled granian goes on listening, so
        cancelling this waits for that too."""
        with anyio.CancelScope(shield=True):
            await self.serve()
        self.closed.set()
        if not self.interrupt_signal:
            raise RuntimeError("granian ended by itself")

    def stop(self) -> None:
        """Accept no more, close what is idle, and let open responses come to their end."""
        super().stop()  # type: ignore[no-untyped-call]


def _reachable(host: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host
