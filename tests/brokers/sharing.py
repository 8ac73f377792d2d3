"""What the controller does for the workers of a run: it starts each broker that they share when the first of them asks for
it, and hands out the tests of a group, which has brokers of its own, to one worker.

(xdist's own groups are a suffix of the test's id, which pytest 9.2 does not let it set.)"""

from __future__ import annotations

from functools import partial
from multiprocessing.connection import Client, Listener
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from .provision import Provision, Unavailable


class Office:
    """Answers the workers, one after the other, in a thread of the controller."""

    def __init__(self) -> None:
        self._listener = Listener()  # a socket in a folder that only this user can enter
        self.address = str(self._listener.address)
        self.provision: Provision | None = None
        self.groups: dict[str, str] = {}
        """Of the tests that are in one, by their ids."""
        Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """End the brokers."""
        if self.provision is not None:
            self.provision.close()

    def _serve(self) -> None:
        while True:
            with self._listener.accept() as line:
                line.send(self._answer(*line.recv()))

    def _answer(self, wanted: str, more: Any) -> object:
        if wanted == "groups":
            self.groups.update(more)
            return None
        return self._broker(wanted, more)

    def _broker(self, wanted: str, folder: Path) -> object:
        if self.provision is None:
            folder.mkdir()
            self.provision = Provision(folder)
        try:
            return getattr(self.provision, wanted)()
        except Exception as error:  # noqa: BLE001  # it is raised in the worker
            return error if isinstance(error, Unavailable) else RuntimeError(str(error))


class Grouped(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out tests one by one, but a group as one."""

    def __init__(self, config: pytest.Config, log: Producer, groups: dict[str, str]) -> None:
        super().__init__(config, log)
        self._groups = groups

    def _split_scope(self, nodeid: str) -> str:
        return self._groups.get(nodeid, nodeid)


def ask(address: str, wanted: str, more: object) -> Any:
    """The answer of the office at this address."""
    with Client(address) as line:
        line.send((wanted, more))
        return line.recv()


class Shared:
    """The shared brokers as a worker has them: to be used, not to be stopped or started."""

    def __init__(self, address: str, folder: Path) -> None:
        self._address = address
        self._folder = folder
        self._known: dict[str, Any] = {}

    def __getattr__(self, wanted: str) -> Any:
        """The methods of `Provision`."""
        return partial(self._ask, wanted)

    def _ask(self, wanted: str) -> Any:
        if wanted not in self._known:
            self._known[wanted] = ask(self._address, wanted, self._folder)
        answer = self._known[wanted]
        if isinstance(answer, Exception):
            raise answer
        return answer
