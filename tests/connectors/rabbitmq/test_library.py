"""The private parts of aio-pika, aiormq and pamqp that `sse_gateway_rabbitmq.amqp` relies on. A failure here means that a
new release of a library changed one of them."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path
from typing import Any

import aiormq
import anyio
import pytest
from aiormq.connection import TransportFactory
from pamqp import decode, encode
from pamqp.commands import Connection as Frames

from sse_gateway.connector import SourceUnavailable
from sse_gateway_rabbitmq import RabbitMQConfig, amqp
from tests.connectors.private import private_parts

CONFIG = RabbitMQConfig.model_validate({"url": "amqp://nowhere.invalid/", "exchange": "any"})


def test_private_parts_stand_in_one_file() -> None:
    found = private_parts(Path(amqp.__file__).parent, public={"aio_pika", "aiormq", "pamqp"})
    assert set(found) == {"amqp.py"}


async def test_a_connection_opens_its_socket_by_the_factory_that_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """And hands it the URL. The factory is the only hold of the socket that there is."""
    asked: list[tuple[str | None, int | None]] = []

    async def create(self: TransportFactory, url: Any, **options: Any) -> Any:
        asked.append((url.host, url.port))
        raise ConnectionRefusedError("by the test")

    monkeypatch.setattr(amqp._Socket, "create", create)
    with pytest.raises(SourceUnavailable, match="by the test"):
        async with amqp.connected(CONFIG, name="test"):
            pass
    assert asked == [("nowhere.invalid", 5672)]


@pytest.mark.parametrize("number", [1_700_000_000_000_000, 2**64 - 1])
def test_the_tables_decide_how_timestamps_are_decoded(number: int) -> None:
    """In properties and in headers. pamqp's own decoder raises at a number that is no time."""
    raw = struct.pack(">Q", number)
    with pytest.raises((ValueError, OverflowError, OSError)):
        decode.timestamp(raw)
    amqp._accept_any_timestamp()
    assert decode.by_type(raw, "timestamp") == (8, number)
    table = encode.short_string("at") + b"T" + raw
    assert decode.field_table(encode.long_int(len(table)) + table)[1] == {"at": number}


async def test_a_connection_that_is_blocked_is_not_ready() -> None:
    """What the broker says of an alarm is behind `ready()` alone."""
    connection = aiormq.Connection("amqp://localhost")
    blocked, unblocked = (
        getattr(connection, f"_Connection__handle_connection_{state}") for state in ("blocked", "unblocked")
    )
    connection.connected.set()
    await unblocked(Frames.Unblocked())
    with anyio.fail_after(1):
        await connection.ready()
    await blocked(Frames.Blocked(reason="memory"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(connection.ready(), 0.01)
