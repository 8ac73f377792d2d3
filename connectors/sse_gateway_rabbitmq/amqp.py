"""Connections of aio-pika, the meaning of its errors, and every private part of aio-pika, aiormq and pamqp that this package
relies on.

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
from aio_pika.exceptions import (
    AMQPError,
    AuthenticationError,
    InvalidFrameError,
    ProbableAuthenticationError,
    ProtocolSyntaxError,
)
from aiormq.connection import TransportFactory
from aiormq.exceptions import ConnectionClosed, DeliveryError, PublishError
from pamqp import decode
from yarl import URL

from sse_gateway.connector import SourceUnavailable, TlsConfig, Translation, tls_context

from .config import RabbitMQConfig

_FAREWELL = 3.0
"""Seconds for an orderly close; aiormq waits 2 s for the broker's answer."""

_read_timestamp = decode.timestamp
_NUMBER = struct.Struct(">Q")

translated = Translation(
    [
        (ProbableAuthenticationError, "the broker refuses the user name or the password ({})"),
        (AuthenticationError, "the broker does not offer the authentication that is configured"),
        (PublishError, "no queue took the message ({})"),
        (DeliveryError, "the broker refused the message (a queue is full, or it failed inside)"),
        (ConnectionClosed, "the broker closed the connection ({})"),
        (InvalidFrameError, "the broker sent an invalid frame ({})"),
        (ProtocolSyntaxError, "what answers there does not speak AMQP 0.9.1"),
        (TimeoutError, "no answer in time"),
        (asyncio.CancelledError, "the broker was silent for too long"),
        (OSError, "{}"),
        (AMQPError, "{}"),
        (RuntimeError, "the connection is closed"),  # the library raises it when a closed one is used
    ]
)
"""What aio-pika raises, and what it means. No text holds a part of the URL except host, port and virtual host."""


@asynccontextmanager
async def connected(config: RabbitMQConfig, *, name: str) -> AsyncIterator[AbstractConnection]:
    """A connection that the broker's console shows as `name`. It is closed whatever happens. Raises SourceUnavailable."""
    _accept_any_timestamp()
    socket = _Socket(await tls_context(config.tls or TlsConfig()) if config.address.tls else None)
    connection = Connection(_url(config), client_properties={"connection_name": name})
    connection.kwargs["transport_factory"] = socket  # where the constructor puts the TLS context
    try:
        with translated(f"cannot connect to {config.address.place}"):
            try:
                await connection.connect()
            except InvalidFrameError as error:  # the answer was not "open"; the library drops its text
                text = "the broker ended the handshake: the virtual host does not exist, or the user may not use it"
                raise ConnectionError(text) from error
        yield connection
    finally:
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(_FAREWELL), suppress(SourceUnavailable), translated("closing"):
                await connection.close()
            socket.abort()


async def check_alarm(connection: AbstractConnection) -> None:
    """Raises SourceUnavailable while the broker accepts no messages, of which it informs this connection ("blocked")."""
    if connection.transport is None:
        return
    with anyio.move_on_after(0) as scope:
        await connection.transport.ready()  # waits while it is blocked
    if scope.cancelled_caught:
        raise SourceUnavailable(
            "the broker accepts no messages now: it has raised an alarm, because its memory or disk is full"
        )


class _Socket(TransportFactory):
    """Opens the socket and keeps it, so that it can be aborted. The library gives no access to it. It is needed when an
    attempt is cancelled just as it succeeds, and when a connection is closed whose other side no longer answers."""

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

    pamqp raises if a client wrote microseconds where AMQP wants seconds, or a date before 1970, as Java's client may. Then the
    connection ends, and so does each later connection over which the same message is delivered. So a number that is not a
    time is read as a number.
    """
    decode.METHODS["timestamp"] = decode.TABLE_MAPPING[b"T"] = _timestamp


def _timestamp(value: bytes) -> tuple[int, datetime | int]:
    try:
        return _read_timestamp(value)
    except (ValueError, OverflowError, OSError):
        return _NUMBER.size, _NUMBER.unpack_from(value)[0]
