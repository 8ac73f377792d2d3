"""One connection to the broker, which is closed whatever happens."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
from aio_pika import Connection
from aio_pika.abc import AbstractConnection
from aio_pika.connection import make_url
from aio_pika.exceptions import InvalidFrameError
from aiormq.connection import TransportFactory
from anyio import to_thread
from yarl import URL

from sse_gateway.connector import SourceUnavailable

from .config import RabbitMQConfig, TlsConfig
from .errors import translated
from .timestamp import accept_any_timestamp
from .tls import tls_context

__all__ = ["connected"]

_FAREWELL = 3.0
"""Seconds for an orderly end; aiormq waits 2 s for the broker's answer to it."""


class _Socket(TransportFactory):
    """Opens the socket and keeps hold of it. The library has no handle of it, and two moments need one: an attempt that
    is cancelled just as it succeeds, and the end of a line whose other side does not answer any more."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
        self._writer: asyncio.StreamWriter | None = None

    async def create(self, url: URL, **options: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, self._writer = await asyncio.open_connection(url.host, url.port, ssl=self._tls)
        return reader, self._writer

    def abort(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()


@asynccontextmanager
async def connected(config: RabbitMQConfig, *, name: str) -> AsyncIterator[AbstractConnection]:
    """A connection that people see in the broker's console as `name`. Raises SourceUnavailable."""
    accept_any_timestamp()
    tls = await to_thread.run_sync(tls_context, config.tls or TlsConfig()) if config.address.tls else None
    socket = _Socket(tls)
    connection = Connection(_url(config), client_properties={"connection_name": name})
    connection.kwargs["transport_factory"] = socket  # as the constructor does with the context of TLS
    try:
        with translated(f"cannot connect to {config.address.place}"):
            await _connect(connection)
        yield connection
    finally:
        await _close(connection, socket)


async def _connect(connection: AbstractConnection) -> None:
    try:
        await connection.connect()
    except InvalidFrameError as error:  # the broker's last answer was another than "open"; the library drops its text
        raise ConnectionError(
            "the broker ended the handshake: there is no such virtual host, or the user may not enter it"
        ) from error


def _url(config: RabbitMQConfig) -> URL:
    address, password = config.address, config.password
    return make_url(
        host=address.host,
        port=address.port,
        login=address.username,
        password=password.get_secret_value() if password else address.password,
        virtualhost=address.vhost,
        ssl=address.tls,
        heartbeat=round(config.heartbeat),
        auth=config.authentication,
    )


async def _close(connection: AbstractConnection, socket: _Socket) -> None:
    with anyio.CancelScope(shield=True):
        with anyio.move_on_after(_FAREWELL), suppress(SourceUnavailable), translated("closing"):
            await connection.close()
        socket.abort()
