"""What a run of the tests has of brokers: each started at its first use, one of a kind, named in the run's summary."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

from . import rabbitmq
from .certificates import Certificates, make_certificates
from .install import AMQP_VARIABLE, KAFKA_VARIABLE, command
from .kafka import jars
from .kafka.broker import Kafka
from .process import REAPER
from .rabbitmq import RabbitMQ

_KAFKA = "Apache Kafka (librdkafka's mock cluster stands in for it)"


class Unavailable(Exception):
    """A broker can't be had; its text is the reason that the skipped tests give."""


class Provision:
    """The brokers of one run. `lines` says, for each kind that was asked for, what the tests ran against."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._certificates: Certificates | None = None
        self._rabbitmq: RabbitMQ | None = None
        self._kafka: Kafka | None = None
        self.lines: dict[str, str] = {}

    def rabbitmq_url(self) -> str:
        """A RabbitMQ: that of the environment, or our own. Raises Unavailable."""
        given = os.environ.get(AMQP_VARIABLE)
        if given:
            self.lines["rabbitmq"] = f"RabbitMQ of {AMQP_VARIABLE}"
            return given
        return self.rabbitmq().url

    def kafka_bootstrap(self) -> str:
        """A Kafka: that of the environment, or our own. Raises Unavailable."""
        given = os.environ.get(KAFKA_VARIABLE)
        if given:
            self.lines["kafka"] = f"Kafka of {KAFKA_VARIABLE} ({given})"
            return given
        return self.kafka().bootstrap

    def rabbitmq(self) -> RabbitMQ:
        """A RabbitMQ that the test may kill, running. Raises Unavailable."""
        if os.environ.get(AMQP_VARIABLE):
            raise Unavailable(f"{AMQP_VARIABLE} names a server that is not ours to stop or to configure")
        if self._rabbitmq is None:
            self._require("rabbitmq", "RabbitMQ", rabbitmq.missing())
            self._rabbitmq = RabbitMQ(self._folder / "rabbitmq", self.certificates())
        if not self._rabbitmq.running:
            self._rabbitmq.start()
            self._started("rabbitmq", "RabbitMQ", self._rabbitmq)
        return self._rabbitmq

    def kafka(self) -> Kafka:
        """A Kafka that the test may kill, running. Raises Unavailable."""
        if os.environ.get(KAFKA_VARIABLE):
            raise Unavailable(f"{KAFKA_VARIABLE} names a server that is not ours to stop or to configure")
        if self._kafka is None:
            self._require("kafka", _KAFKA, jars.missing())
            if not jars.fetched():
                self._refuse("kafka", f"{_KAFKA} is not here; to have it: python -m tests.brokers fetch")
            self._kafka = Kafka(self._folder / "kafka", self.certificates())
        if not self._kafka.running:
            self._kafka.start()
            self._started("kafka", "Apache Kafka", self._kafka)
        return self._kafka

    def certificates(self) -> Certificates:
        """The authority of this run, and what it signed."""
        if self._certificates is None:
            self._certificates = make_certificates(self._folder)
        return self._certificates

    def close(self) -> None:
        """End both brokers, by the ids that they were started with."""
        if self._rabbitmq is not None and self._rabbitmq.started_twice:
            self.lines["rabbitmq"] += (
                f"; {self._rabbitmq.started_twice} times it came back from a kill without a stream"
            )
        for broker in (self._rabbitmq, self._kafka):
            if broker is not None:
                broker.close()
        REAPER.close()

    def _require(self, kind: str, name: str, packages: list[str]) -> None:
        if packages:
            self._refuse(kind, f"{name} is not here; to have it: {command(packages)}")

    def _refuse(self, kind: str, reason: str) -> NoReturn:
        self.lines[kind] = f"SKIPPED: {reason}"
        raise Unavailable(reason)

    def _started(self, kind: str, name: str, broker: RabbitMQ | Kafka) -> None:
        where = f"{broker.host}:{broker.port}"
        self.lines.setdefault(kind, f"{name} {broker.version} of our own on {where}, up in {broker.seconds:.1f} s")
