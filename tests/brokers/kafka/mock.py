"""The mock cluster of librdkafka as a test has it: no Java, up in a fifth of a second, faults on demand.

What it can't do, by experiment: create topics by the admin interface, find offsets by timestamp (it answers with none),
transactions, rebalance two members of a group, stop and start with its data, TLS.
"""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType
from typing import Any, Self


class MockKafka:
    """One broker, in a process of its own, for as long as the context lasts."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.brokers.kafka.librdkafka"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.bootstrap: str = self._answer()["bootstrap"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()

    def create(self, topic: str, partitions: int) -> None:
        """Make a topic."""
        self._tell("create", topic, partitions, 1)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """Trim the history of a partition: `before` is the first offset that is kept."""
        self._tell("delete_records", topic, partition, before)

    def down(self) -> None:
        """The broker goes away: connections closed, new ones refused."""
        self._tell("down", 1)

    def up(self) -> None:
        """It is back, with all that it had."""
        self._tell("up", 1)

    def delay(self, milliseconds: int) -> None:
        """Each answer takes so long from now on."""
        self._tell("delay", 1, milliseconds)

    def fail(self, api: int, errors: list[int]) -> None:
        """The next requests of this API key are answered with these error codes."""
        self._tell("fail", api, errors)

    def _tell(self, *command: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        code = self._answer()["code"]
        assert code == 0, f"the mock answered {code} to {command}"

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer
