"""The brokers as the tests of this folder see them, and the tables that they fill."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from tests.brokers.kafka.broker import Kafka
from tests.brokers.proxy import Proxy
from tests.brokers.rabbitmq import RabbitMQ
from tests.connectors.kafka.upstream import Upstream as KafkaUpstream
from tests.connectors.rabbitmq.upstream import Upstream as RabbitUpstream

from .report import Report
from .source import Upstreams

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

_REPORT: pytest.StashKey[Report] = pytest.StashKey()


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Report:
    """Where tests put what is printed at the end of the run."""
    return request.config.stash.setdefault(_REPORT, Report())


@pytest.fixture
async def upstreams(own_rabbitmq: RabbitMQ, own_kafka: Kafka) -> AsyncIterator[Upstreams]:
    """Both brokers, each behind a line that can be cut; what a test makes in them is deleted at its end."""
    target, port = own_kafka.proxy
    rabbit, kafka = RabbitUpstream(own_rabbitmq.url), KafkaUpstream(own_kafka.bootstrap)
    async with Proxy.open(own_rabbitmq.port) as rabbit_line, Proxy.open(target, port) as kafka_line:
        yield Upstreams(own_rabbitmq, own_kafka, rabbit_line, kafka_line, rabbit, kafka)
    await rabbit.close()
    await kafka.close()


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """The tables, whatever came of the tests."""
    for title, lines in config.stash.get(_REPORT, Report()).tables():
        terminalreporter.section(title)
        for line in lines:
            terminalreporter.write_line(line)
