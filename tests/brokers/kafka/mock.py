"""The mock cluster of librdkafka as a test has it: no Java, up in a fifth of a second, faults on demand.

What it can't do, by experiment: create topics by the admin interface, find offsets by timestamp (it answers with none),
transactions, rebalance two members of a group, stop and start with its data, TLS.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import files
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import confluent_kafka


class MockKafka:
    """One broker, in a process of its own, for as long as the context lasts."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.brokers.kafka.mock"],
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


_TEXT, _SHORT, _INT, _LONG = ctypes.c_char_p, ctypes.c_int16, ctypes.c_int32, ctypes.c_int64
_PRODUCER = 0

# Command: the function `rd_kafka_mock_...` behind it, and what it takes after the cluster.
_COMMANDS: dict[str, tuple[str, list[Any]]] = {
    "create": ("topic_create", [_TEXT, _INT, _INT]),
    "delete_records": ("partition_delete_records", [_TEXT, _INT, _LONG]),
    "down": ("broker_set_down", [_INT]),
    "up": ("broker_set_up", [_INT]),
    "delay": ("broker_set_rtt", [_INT, _INT]),
}


def main() -> None:
    """The mock cluster inside librdkafka as a process.

    It prints its address as one line of JSON, then reads commands from its standard input, one JSON list a line, and
    answers each with its return code; the end of the input is its own. The wheel of confluent-kafka carries the library,
    which exports the functions of its own test suite; its header calls them experimental, so the wheel's version is pinned.
    """
    library = _library()
    cluster = _cluster(library)
    bootstraps = library.rd_kafka_mock_cluster_bootstraps
    bootstraps.restype, bootstraps.argtypes = _TEXT, [ctypes.c_void_p]
    _say({"bootstrap": bootstraps(cluster).decode()})
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        command = _fail_next if name == "fail" else _command(library, *_COMMANDS[name])
        _say({"code": command(library, cluster, arguments)})


def _library() -> ctypes.CDLL:
    assert confluent_kafka.libversion()
    for file in files("confluent-kafka") or []:
        if file.name.startswith("librdkafka"):
            return ctypes.CDLL(str(Path(str(file.locate()))))
    raise SystemExit("the wheel of confluent-kafka carries no librdkafka here")


def _cluster(library: ctypes.CDLL) -> int:
    library.rd_kafka_conf_new.restype = ctypes.c_void_p
    new = library.rd_kafka_new
    new.restype, new.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p, _TEXT, ctypes.c_size_t]
    cluster_new = library.rd_kafka_mock_cluster_new
    cluster_new.restype, cluster_new.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int]
    error = ctypes.create_string_buffer(512)
    cluster: int = cluster_new(new(_PRODUCER, library.rd_kafka_conf_new(), error, 512), 1)
    rebalance_delay = library.rd_kafka_mock_group_initial_rebalance_delay_ms
    rebalance_delay.restype, rebalance_delay.argtypes = None, [ctypes.c_void_p, _INT]
    rebalance_delay(cluster, 0)
    return cluster


def _command(library: ctypes.CDLL, name: str, types: list[Any]) -> Callable[[ctypes.CDLL, int, list[Any]], int]:
    function = library[f"rd_kafka_mock_{name}"]
    function.restype, function.argtypes = ctypes.c_int, [ctypes.c_void_p, *types]

    def call(_: ctypes.CDLL, cluster: int, arguments: list[Any]) -> int:
        code: int = function(cluster, *(a.encode() if isinstance(a, str) else a for a in arguments))
        return code

    return call


def _fail_next(library: ctypes.CDLL, cluster: int, arguments: list[Any]) -> int:
    """["fail", API key, [error, ...]]: the next requests of that kind are answered with these errors."""
    key, errors = arguments
    push = library.rd_kafka_mock_push_request_errors_array
    push.restype, push.argtypes = None, [ctypes.c_void_p, _SHORT, ctypes.c_size_t, ctypes.c_void_p]
    push(cluster, key, len(errors), (ctypes.c_int * len(errors))(*errors))
    return 0


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
