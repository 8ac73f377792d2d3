"""A pytest plugin: `rabbitmq_url` and `kafka_bootstrap` for any server, `rabbitmq` and `kafka` for one of ours, which the
workers of a run share, `own_rabbitmq` and `own_kafka` for one that the test may stop, kill and configure.

A test that gets a broker from here finds it running, whatever the test before did. One that asks for an own broker has it
for all that it asks for, and runs in a group: its worker runs all that have their own broker one after the other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pytest
from xdist.remote import Producer

from .certificates import Certificates
from .install import KAFKA_VARIABLE
from .kafka.broker import Kafka
from .provision import Provision, Unavailable
from .rabbitmq import RabbitMQ
from .sharing import Grouped, Office, Shared, ask

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

_Broker = TypeVar("_Broker")
_OFFICE: pytest.StashKey[Office] = pytest.StashKey()
_OWN: pytest.StashKey[Provision] = pytest.StashKey()
_LINES: pytest.StashKey[list[str]] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """The controller answers workers."""
    if config.getoption("numprocesses", None):
        config.stash[_OFFICE] = Office()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Each worker is told where."""
    node.workerinput["brokers"] = node.config.stash[_OFFICE].address


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Grouped:
    """The tests of a group go to one worker."""
    return Grouped(config, log, config.stash[_OFFICE].groups)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The controller, which collects nothing, is told of the groups."""
    groups = {item.nodeid: group for item in items if (group := _group(item))}
    if (worker := getattr(config, "workerinput", None)) is not None:
        ask(worker["brokers"], "groups", groups)


def _group(item: pytest.Item) -> str:
    """Of tests with a broker of their own there are few groups, because each has its own brokers."""
    if marker := item.get_closest_marker("xdist_group"):
        return str(marker.args[0])
    return " and ".join(kind for kind in ("kafka", "rabbitmq") if _own(kind, getattr(item, "fixturenames", ())))


def _own(kind: str, names: Iterable[str]) -> bool:
    return any(name.startswith(f"own_{kind}") for name in names)


@pytest.fixture(scope="session")
def brokers(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Provision]:
    """The brokers of this process alone: nothing is started before a test asks."""
    provision = request.config.stash[_OWN] = Provision(tmp_path_factory.mktemp("brokers"))
    yield provision
    provision.close()


@pytest.fixture(scope="session")
def shared_brokers(
    tmp_path_factory: pytest.TempPathFactory, brokers: Provision, request: pytest.FixtureRequest
) -> Provision:
    """The brokers of the run."""
    worker = getattr(request.config, "workerinput", None)
    if worker is None:
        return brokers
    return cast(Provision, Shared(worker["brokers"], tmp_path_factory.getbasetemp().parent / "brokers"))


def _had(get: Callable[[], _Broker]) -> _Broker:
    try:
        return get()
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def rabbitmq_url(shared_brokers: Provision, brokers: Provision, request: pytest.FixtureRequest) -> str:
    """The address of a RabbitMQ, the user's own where the environment names one."""
    return _had((brokers if _own("rabbitmq", request.fixturenames) else shared_brokers).rabbitmq_url)


@pytest.fixture
def rabbitmq(shared_brokers: Provision) -> RabbitMQ:
    """A RabbitMQ of ours, which others use at the same time."""
    return _had(shared_brokers.rabbitmq)


@pytest.fixture
def own_rabbitmq(brokers: Provision) -> RabbitMQ:
    """A RabbitMQ that the test may stop, kill and configure."""
    return _had(brokers.rabbitmq)


@pytest.fixture
def kafka_bootstrap(shared_brokers: Provision, brokers: Provision, request: pytest.FixtureRequest) -> str:
    """The address of a Kafka, the user's own where the environment names one."""
    return _had((brokers if _own("kafka", request.fixturenames) else shared_brokers).kafka_bootstrap)


@pytest.fixture
def kafka(shared_brokers: Provision) -> Kafka:
    """A Kafka of ours, which others use at the same time."""
    return _had(shared_brokers.kafka)


@pytest.fixture
def own_kafka(brokers: Provision) -> Kafka:
    """A Kafka that the test may stop, kill and configure."""
    return _had(brokers.kafka)


@pytest.fixture
def own_kafka_or_none(request: pytest.FixtureRequest) -> Kafka | None:
    """The same, and None where the environment names a Kafka of the user's."""
    kafka: Kafka | None = None if os.environ.get(KAFKA_VARIABLE) else request.getfixturevalue("own_kafka")
    return kafka


@pytest.fixture(scope="session")
def certificates(shared_brokers: Provision) -> Certificates:
    """The authority that the certificates of shared brokers come from, and a client's certificate."""
    return shared_brokers.certificates()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands over what its own brokers were; the controller ends the shared ones."""
    config = session.config
    own = list(config.stash[_OWN].lines.values()) if _OWN in config.stash else []
    if (worker := getattr(config, "workeroutput", None)) is not None:
        worker["brokers"] = own
    elif (office := config.stash.get(_OFFICE, None)) is not None:
        office.close()
        shared = office.provision.lines.values() if office.provision else []
        config.stash.setdefault(_LINES, []).extend(shared)
    else:
        config.stash[_LINES] = own


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker has ended: in order, or without having handed over anything."""
    lines = getattr(node, "workeroutput", {}).get("brokers", [])
    node.config.stash.setdefault(_LINES, []).extend(f"{node.gateway.id}: {line}" for line in lines)


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """One line for each broker that a test asked for: what it ran against, or why it did not run."""
    lines = config.stash.get(_LINES, [])
    if lines:
        terminalreporter.section("brokers")
    for line in lines:
        terminalreporter.write_line(line)
