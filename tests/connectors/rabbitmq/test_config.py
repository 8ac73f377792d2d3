"""The table `[sources.NAME.rabbitmq]`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from sse_gateway.config import load
from sse_gateway.connector import Connector, Publishable, Rejectable, Replayable
from sse_gateway.sources.discovery import connectors
from sse_gateway_rabbitmq import (
    ExchangeConnector,
    QueueConnector,
    RabbitMQConfig,
    RabbitMQConnector,
    StreamConnector,
)

URL = "amqp://guest:s3cret@localhost/"


def made(**given: Any) -> RabbitMQConfig:
    return RabbitMQConfig.model_validate({"url": URL, **given})


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"exchange": "orders"}, ExchangeConnector),
        ({"mode": "stream", "stream": "orders"}, StreamConnector),
        ({"mode": "queue", "queue": "orders", "single_replica": True}, QueueConnector),
    ],
)
def test_each_mode_has_a_class_that_can_do_what_the_mode_can(given: dict[str, Any], kind: type[Connector[Any]]) -> None:
    """Only a stream is read again, and only what is settled one by one is dead-lettered."""
    source = RabbitMQConnector.build(made(**given), "orders")
    assert (type(source), source.lossy, source.epoch) == (kind, kind is ExchangeConnector, "")
    assert isinstance(source, Replayable) == (kind is StreamConnector) != isinstance(source, Rejectable)
    assert isinstance(source, Publishable)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, 'needs either exchange = "..." or bindings'),
        ({"exchange": "a", "bindings": [{"exchange": "b"}]}, 'needs either exchange = "..." or bindings'),
        ({"bindings": [{"exchange": "b"}], "routing_keys": ["c"]}, "`routing_keys` is written in each of them"),
        (
            {"exchange": "a", "declare": {"type": "direct"}},
            'a direct exchange does not match "#": write its routing_keys',
        ),
        ({"exchange": "a", "queue": "b"}, '`queue` belongs to mode = "queue"'),
        ({"mode": "stream", "stream": "a", "routing_keys": ["b"]}, '`routing_keys` belongs to mode = "exchange"'),
        ({"mode": "stream"}, "mode needs the key with its name"),
        ({"mode": "queue", "single_replica": True}, "mode needs the key with its name"),
        ({"mode": "queue", "queue": "a"}, "gives each message to only one replica"),
        ({"mode": "stream", "stream": "a", "declare": {"type": "topic"}}, "declare.type is the type of an exchange"),
        ({"exchange": "a", "tls": {}}, "tls is for a url that begins with amqps://"),
        ({"exchange": "a", "authentication": "external"}, "needs tls.certificate"),
        ({"exchange": "a", "prefetch": 0}, "greater than or equal to 1"),
        ({"exchange": "a", "heartbeat": "0s"}, "greater than or equal to 1"),
        ({"exchange": "a", "routing_key": "b"}, "Extra inputs are not permitted"),
    ],
)
def test_what_does_not_fit_together_is_refused(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError) as refused:
        made(**given)
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("amqp://h", ("h", 5672, "/", False, "guest", "guest")),
        ("amqps://h/", ("h", 5671, "/", True, "guest", "guest")),
        ("amqp://u%40x:p%2Fq%3A@h:1/a%2Fb", ("h", 1, "a/b", False, "u@x", "p/q:")),
        ("amqp://[::1]:7/%2F", ("::1", 7, "/", False, "guest", "guest")),
    ],
)
def test_the_parts_of_a_url(url: str, parts: tuple[object, ...]) -> None:
    address = made(url=url, exchange="a").address
    assert (address.host, address.port, address.vhost, address.tls, address.username, address.password) == parts


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (12, 12),
        ("90m", "5400s"),
        ("1ms", "1s"),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
    ],
)
def test_what_start_may_say(written: object, read: object) -> None:
    assert made(mode="stream", stream="a", start=written).start == read


def test_no_secret_is_in_any_text_of_it() -> None:
    config = made(exchange="a", password="s3cret too")
    for text in (repr(config), str(config), config.model_dump_json(), repr(config.address), config.address.place):
        assert "s3cret" not in text


def test_a_whole_source_is_read_from_a_file() -> None:
    text = """
        [sources.orders]
        channel = "orders.{key}"
        [sources.orders.rabbitmq]
        url = "amqps://u:p@h/shop"
        tls = { ca = "ca.pem", certificate = "me.pem", key = "me.key" }
        authentication = "external"
        heartbeat = "5s"
        bindings = [{ exchange = "orders", routing_keys = ["order.#"], declare = { type = "topic" } }, { exchange = "x" }]
        queue_arguments = { x-dead-letter-exchange = "failed", x-max-length = 10_000 }
    """
    config = load(text, connectors(["rabbitmq"]), environ={}).sources["orders"].options
    assert isinstance(config, RabbitMQConfig)
    assert [binding.exchange for binding in config.exchanges] == ["orders", "x"]
    assert config.address.vhost == "shop"
