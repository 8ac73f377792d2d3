"""What becomes of the parts of an AMQP message, and back."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from decimal import Decimal

import aio_pika
import anyio
import pytest
from aiormq.abc import DeliveredMessage
from pamqp import decode, encode
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from sse_gateway.connector import Message
from sse_gateway_rabbitmq import RabbitMQConfig
from sse_gateway_rabbitmq.message import properties_of, read
from tests.connectors import reading

from .upstream import Upstream, connector


def delivered(**properties: object) -> DeliveredMessage:
    header = ContentHeader(properties=Basic.Properties(**properties))  # type: ignore[arg-type]
    deliver = Basic.Deliver(delivery_tag=7, exchange="orders", routing_key="order.new")
    return DeliveredMessage(delivery=deliver, header=header, body=b"{}", channel=None)  # type: ignore[arg-type]


async def test_every_part_of_a_message_arrives(upstream: Upstream) -> None:
    exchange = await upstream.exchange()
    user = RabbitMQConfig.model_validate({"url": upstream.url, "exchange": exchange}).address.username
    async with connector(upstream.url, exchange=exchange) as source:
        await upstream.publish(
            [b"\x00body"],
            exchange=exchange,
            key="order.new",
            headers={"Tenant": "ACME", "Size": 3, "Deep": {"a": [1, None]}},
            content_type="application/json",
            content_encoding="gzip",
            correlation_id="c-1",
            reply_to="answers",
            message_id="m-1",
            type="created",
            app_id="shop",
            user_id=user,
            timestamp=datetime(2026, 1, 31, 12, tzinfo=UTC),
        )
        with anyio.fail_after(30):
            (message,) = await source.receive()
    assert (message.body, message.key, message.id) == (b"\x00body", "order.new", "m-1")
    assert message.timestamp == datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()
    assert message.headers == {
        "tenant": "ACME",
        "size": "3",
        "deep": '{"a": [1, null]}',
        "content-type": "application/json",
        "content-encoding": "gzip",
        "correlation-id": "c-1",
        "reply-to": "answers",
        "type": "created",
        "app-id": "shop",
        "user-id": user,
        "amqp-exchange": exchange,
    }


@pytest.mark.parametrize("number", [1_700_000_000_000_000, 2**64 - 14_000_000])
async def test_a_timestamp_that_is_no_time_stops_nothing(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Microseconds, and a time before 1970: left to the library, the connection would die of it again and again."""
    monkeypatch.setitem(encode.METHODS, "timestamp", lambda _: struct.pack(">Q", number))
    queue = await upstream.queue()
    await upstream.publish([b"bad"], key=queue)
    monkeypatch.undo()
    await upstream.publish([b"good"], key=queue, headers={"Made": datetime(2026, 1, 31, tzinfo=UTC)})
    async with connector(upstream.url, mode="queue", queue=queue, single_replica=True) as source:
        bad, good = await reading.read(source, 2)
    assert (bad.body, bad.timestamp, good.body) == (b"bad", None, b"good")
    assert good.headers["made"] == "2026-01-31T00:00:00+00:00"


async def test_milliseconds_are_taken_for_a_time() -> None:
    assert decode.METHODS["timestamp"](struct.pack(">Q", 1_700_000_000_500))[1] == datetime.fromtimestamp(
        1_700_000_000.5, UTC
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("é", "é"),
        (b"\xff", "�"),
        (True, "true"),
        (None, "null"),
        (1.5, "1.5"),
        (Decimal("1.50"), "1.50"),
        ([Decimal("1.50")], '["1.50"]'),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00+00:00"),
        ([{"queue": "q", "count": 1}], '[{"queue": "q", "count": 1}]'),
        ({"at": datetime(2026, 1, 31, tzinfo=UTC), "raw": b"x"}, '{"at": "2026-01-31T00:00:00+00:00", "raw": "x"}'),
    ],
)
async def test_values_of_headers_become_text(value: object, text: str) -> None:
    assert read(delivered(headers={"Name": value})).headers["name"] == text


async def test_a_property_wins_over_a_header_of_its_name() -> None:
    """The broker checks the property user-id against who is connected, and nothing checks the header."""
    assert read(delivered(headers={"User-Id": "root", "Type": "x"}, user_id="shop")).headers == {
        "user-id": "shop",
        "type": "x",
        "amqp-exchange": "orders",
    }


async def test_a_message_without_properties() -> None:
    message = read(delivered())
    assert (message.id, message.timestamp, message.offset, message.receipt) == (None, None, None, 7)


async def test_descriptions_are_published_again_and_what_was_for_the_first_broker_is_not() -> None:
    headers = {
        "content-type": "text/plain",
        "type": "created",
        "x-tenant": "acme",
        "user-id": "other",
        "expiration": "1",
        "reply-to": "queue-over-there",
        "amqp-exchange": "other",
        "x-stream-offset": "5",
    }
    properties = properties_of(Message(body=b"", headers=headers, id="m-1", timestamp=1_700_000_000.5))
    assert properties.headers == {"x-tenant": "acme"}
    assert (properties.content_type, properties.message_type, properties.message_id) == ("text/plain", "created", "m-1")
    assert (properties.user_id, properties.expiration, properties.reply_to) == (None, None, None)
    assert properties.timestamp == datetime.fromtimestamp(1_700_000_000.5, UTC)
    assert properties.delivery_mode == aio_pika.DeliveryMode.PERSISTENT


async def test_what_is_too_long_for_a_property_or_a_name_breaks_nothing() -> None:
    long = "é" * 128  # 256 bytes
    properties = properties_of(Message(body=b"", headers={"type": long, long: "x", "ok": long}, id=long))
    assert properties.headers == {"type": long, "ok": long}
    assert properties.message_type is None
    assert properties.message_id is None
    assert properties.marshal()
