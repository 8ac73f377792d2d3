"""The brokers that all workers of a run share: the controller starts each when the first worker asks for it."""

from __future__ import annotations

from multiprocessing.connection import Client, Listener
from pathlib import Path
from threading import Thread
from typing import Any

from .certificates import Certificates
from .kafka.broker import Kafka
from .provision import Provision, Unavailable
from .rabbitmq import RabbitMQ

__all__ = ["Office", "Shared"]


class Office:
    """Answers the workers, one after the other, in a thread of the controller."""

    def __init__(self) -> None:
        self._listener = Listener()  # a socket in a folder that only this user can enter
        self.address = str(self._listener.address)
        self.provision: Provision | None = None
        Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """End the brokers."""
        if self.provision is not None:
            self.provision.close()

    def _serve(self) -> None:
        while True:
            with self._listener.accept() as line:
                wanted, folder = line.recv()
                line.send(self._answer(wanted, folder))

    def _answer(self, wanted: str, folder: Path) -> object:
        if self.provision is None:
            folder.mkdir()
            self.provision = Provision(folder)
        try:
            return getattr(self.provision, wanted)()
        except Exception as error:  # noqa: BLE001  # it is raised in the worker
            return error if isinstance(error, Unavailable) else RuntimeError(str(error))


class Shared:
    """The shared brokers as a worker has them: to be used, not to be stopped or started."""

    def __init__(self, address: str, folder: Path) -> None:
        self._address = address
        self._folder = folder
        self._known: dict[str, Any] = {}

    def rabbitmq_url(self) -> str:
        """As of `Provision`."""
        return str(self._ask("rabbitmq_url"))

    def kafka_bootstrap(self) -> str:
        """As of `Provision`."""
        return str(self._ask("kafka_bootstrap"))

    def rabbitmq(self) -> RabbitMQ:
        """As of `Provision`."""
        return self._ask("rabbitmq")  # type: ignore[no-any-return]

    def kafka(self) -> Kafka:
        """As of `Provision`."""
        return self._ask("kafka")  # type: ignore[no-any-return]

    def certificates(self) -> Certificates:
        """As of `Provision`."""
        return self._ask("certificates")  # type: ignore[no-any-return]

    def _ask(self, wanted: str) -> Any:
        if wanted not in self._known:
            with Client(self._address) as line:
                line.send((wanted, self._folder))
                self._known[wanted] = line.recv()
        answer = self._known[wanted]
        if isinstance(answer, Exception):
            raise answer
        return answer
