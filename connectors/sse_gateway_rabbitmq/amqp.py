"""Connections of aio-pika, and every private part of aio-pika, aiormq and pamqp that this package relies on.

`tests/connectors/rabbitmq/test_library.py` fails when a new release changes one of these parts.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import anyio
from aio_pika import Connection
from aio_pika.abc import AbstractConnection
from aio_pika.connection import make_url
from aio_pika.exceptions import InvalidFrameError
from aiormq.connection import TransportFactory
from pamqp import decode
from yarl import URL

from sse_gateway.connector import SourceUnavailable, TlsConfig, tls_context

from .config import RabbitMQConfig
from .errors import translated

_FAREWELL = 3.0
"""Seconds for an orderly end; aiormq waits 2 s for the broker's answer to it."""

_read_timestamp = decode.timestamp
_NUMBER = struct.Struct(">Q")


@asynccontextmanager
async def connected(config: RabbitMQConfig, *, name: str) -> AsyncIterator[AbstractConnection]:
    """A connection that the broker's console shows as `name`; it is closed whatever happens. Raises SourceUnavailable."""
    _accept_any_timestamp()
    socket = _Socket(await tls_context(config.tls or TlsConfig()) if config.address.tls else None)
    connection = Connection(_url(config), client_properties={"connection_name": name})
    connection.kwargs["transport_factory"] = socket  # as the constructor does with the context of TLS
    try:
        with translated(f"cannot connect to {config.address.place}"):
            try:
                await connection.connect()
            except InvalidFrameError as error:  # the answer was another than "open"; the library drops its text
                raise ConnectionError(
                    "the broker ended the handshake: there is no such virtual host, or the user may not enter it"
                ) from error
        yield connection
    finally:
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(_FAREWELL), suppress(SourceUnavailable), translated("closing"):
                await connection.close()
            socket.abort()


async def check_alarm(connection: AbstractConnection) -> None:
    """Raises SourceUnavailable while the broker takes no messages, as it has told this connection ("blocked")."""
    if connection.transport is None:
        return
    with anyio.move_on_after(0) as scope:
        await connection.transport.ready()  # waits while it is blocked
    if scope.cancelled_caught:
        raise SourceUnavailable("the broker takes no messages now: it has raised an alarm, its memory or disk is full")


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


def _accept_any_timestamp() -> None:
    """Put a decoder that never raises into pamqp's tables, for properties and for headers.

    A client that writes microseconds where AMQP wants seconds, or a date before 1970 as Java's does, makes pamqp raise;
    the connection dies of it, and dies again of the same message each time it is delivered. So a number that is no time
    is read as a number.
    """
    decode.METHODS["timestamp"] = decode.TABLE_MAPPING[b"T"] = _timestamp


def _timestamp(value: bytes) -> tuple[int, datetime | int]:
    try:
        return _read_timestamp(value)
    except (ValueError, OverflowError, OSError):
        return _NUMBER.size, _NUMBER.unpack_from(value)[0]
