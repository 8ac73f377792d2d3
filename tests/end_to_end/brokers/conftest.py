"""The brokers as the tests of this folder see them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.brokers.kafka.broker import Kafka
from tests.brokers.proxy import Proxy
from tests.brokers.rabbitmq import RabbitMQ
from tests.connectors.kafka.upstream import Upstream as KafkaUpstream
from tests.connectors.rabbitmq.upstream import Upstream as RabbitUpstream

from .source import Upstreams


@pytest.fixture
async def upstreams(own_rabbitmq: RabbitMQ, own_kafka: Kafka) -> AsyncIterator[Upstreams]:
    """Both brokers, each behind a line that can be cut; what a test makes in them is deleted at its end."""
    target, port = own_kafka.proxy
    rabbit, kafka = RabbitUpstream(own_rabbitmq.url), KafkaUpstream(own_kafka.bootstrap)
    async with Proxy.open(own_rabbitmq.port) as rabbit_line, Proxy.open(target, port) as kafka_line:
        yield Upstreams(own_rabbitmq, own_kafka, rabbit_line, kafka_line, rabbit, kafka)
    await rabbit.close()
    await kafka.close()
