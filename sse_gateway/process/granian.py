"""The HTTP server: granian, embedded in the event loop of the gateway, on a socket that the gateway opened."""

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
"""Connections besides the clients: webhooks, pages, and clients that are turned away."""
_HEADER_TIMEOUT_MS = 5000
"""Also how long an idle connection is kept, and how long an incomplete request can delay the end of a drain."""
_BUFFER = 65536
"""Bytes that granian buffers for a slow client: one join. Also the maximum size of the headers of a request."""


class Server(EmbeddedServer):
    """Serves `app` on `listener`, with at most `clients` connections and some headroom.

    It speaks HTTP/1.1 only. granian's detection of HTTP/2 never closes a silent connection, and browsers speak HTTP/2 only
    over TLS, which a proxy in front of the gateway terminates.
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
            # At INFO it repeats lines of the gateway, and warns at each start that embedding is experimental.
            log_level=LogLevels.error,
            log_dictconfig=EMBEDDED,
        )
        self.url = f"http://{_reachable(host)}:{port}"
        """Its URL on this machine."""
        self.closed = anyio.Event()
        """Set after `stop()`, when every connection is closed."""
        self._listener = listener

    def _init_shared_socket(self) -> None:
        # Private to granian, which offers no other way to pass a socket. A test in tests/process/test_granian.py guards it.
        self._ssp, self._shd = None, SocketHolder(self._listener.detach(), False, self.backlog)  # type: ignore[call-arg, assignment]  # its stub is wrong

    async def run(self) -> None:
        """Serve until `stop()` was called and every connection is closed. A cancelled granian keeps listening, so this
        method waits for `stop()` even if it is cancelled."""
        with anyio.CancelScope(shield=True):
            await self.serve()
        self.closed.set()
        if not self.interrupt_signal:
            raise RuntimeError("granian ended by itself")

    def stop(self) -> None:
        """Accept no more connections, close those that are idle, and let open responses end."""
        super().stop()  # type: ignore[no-untyped-call]


def _reachable(host: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host
