"""A pytest plugin: `rabbitmq_url` and `kafka_bootstrap` for any server, `own_rabbitmq` and `own_kafka` for one that the
test may stop, kill and configure. A test that gets a broker from here finds it running, whatever the test before did.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from .certificates import Certificates
from .kafka.broker import Kafka
from .provision import Provision, Unavailable
from .rabbitmq import RabbitMQ

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

_LINES: pytest.StashKey[dict[str, str]] = pytest.StashKey()


@pytest.fixture(scope="session")
def brokers(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Provision]:
    """The brokers of this run: nothing is started before a test asks."""
    provision = Provision(tmp_path_factory.mktemp("brokers"))
    request.config.stash[_LINES] = provision.lines
    yield provision
    provision.close()


@pytest.fixture
def rabbitmq_url(brokers: Provision) -> str:
    """The address of a RabbitMQ, the user's own where the environment names one."""
    try:
        return brokers.rabbitmq_url()
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def own_rabbitmq(brokers: Provision) -> RabbitMQ:
    """A RabbitMQ that the test may stop, kill and configure."""
    try:
        return brokers.rabbitmq()
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def kafka_bootstrap(brokers: Provision) -> str:
    """The address of a Kafka, the user's own where the environment names one."""
    try:
        return brokers.kafka_bootstrap()
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def own_kafka(brokers: Provision) -> Kafka:
    """A Kafka that the test may stop, kill and configure."""
    try:
        return brokers.kafka()
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def certificates(brokers: Provision) -> Certificates:
    """The authority that the brokers' certificates come from, and a client's certificate."""
    return brokers.certificates()


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """One line for each kind of broker that a test asked for: what it ran against, or why it did not run."""
    lines = config.stash.get(_LINES, {})
    if lines:
        terminalreporter.section("brokers")
    for line in lines.values():
        terminalreporter.write_line(line)
