"""TLS to the real broker, which wants a certificate of its client."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from sse_gateway.connector import Message, SourceUnavailable
from sse_gateway.testing import nothing_left
from tests.brokers.certificates import Certificates
from tests.brokers.proxy import Proxy
from tests.brokers.rabbitmq import RabbitMQ
from tests.connectors.reading import read

from .upstream import Upstream, connector


@pytest.fixture
def tls(certificates: Certificates) -> dict[str, Any]:
    """What works."""
    return {
        "ca": str(certificates.authority),
        "certificate": str(certificates.client),
        "key": str(certificates.client_key),
    }


async def test_messages_pass_in_both_directions(rabbitmq: RabbitMQ, tls: dict[str, Any]) -> None:
    upstream = Upstream(rabbitmq.url)
    exchange = await upstream.exchange()
    async with connector(rabbitmq.tls_url, exchange=exchange, tls=tls) as source:
        await source.publish(Message(body=b"x", key="k"))
        assert await read(source, 1)
    await upstream.close()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"ca": None}, "CERTIFICATE_VERIFY_FAILED"),
        ({"certificate": None, "key": None}, ""),  # the broker hangs up, in one of several ways
    ],
)
async def test_what_is_wrong_with_certificates_is_told(
    rabbitmq: RabbitMQ, tls: dict[str, Any], change: dict[str, Any], why: str
) -> None:
    with pytest.raises(SourceUnavailable) as refused:
        async with connector(rabbitmq.tls_url, exchange="amq.topic", tls={**tls, **change}):
            pass
    assert why in str(refused.value)


async def test_the_name_of_the_broker_is_checked_unless_told_otherwise(rabbitmq: RabbitMQ, tls: dict[str, Any]) -> None:
    async with Proxy.open(rabbitmq.tls_url, host="127.0.0.2") as proxy:
        with pytest.raises(SourceUnavailable, match="IP address mismatch"):
            async with connector(proxy.url, exchange="amq.topic", tls=tls):
                pass
        async with connector(proxy.url, exchange="amq.topic", tls={**tls, "verify": False}):
            pass


async def test_a_line_that_fell_silent_is_left_within_a_bound(rabbitmq: RabbitMQ, tls: dict[str, Any]) -> None:
    """TLS takes leave with a handshake, and here nobody answers it."""
    async with Proxy.open(rabbitmq.tls_url) as proxy:
        source = connector(proxy.url, exchange="amq.topic", tls=tls)
        async with source:
            pass
        async with nothing_left(2):
            with anyio.fail_after(5):
                async with source:
                    proxy.freeze()
            proxy.thaw()  # for the proxy's own tasks
