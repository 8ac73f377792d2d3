"""The mock cluster inside librdkafka as a process: `python -m tests.brokers.kafka.librdkafka`.

It prints its address as one line of JSON, then reads commands from its standard input, one JSON list a line, and
answers each with its return code; the end of the input is its own. The wheel of confluent-kafka carries the library,
which exports the functions of its own test suite; its header calls them experimental, so the wheel's version is
pinned."""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable
from importlib.metadata import files
from pathlib import Path
from typing import Any

import confluent_kafka

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
    """Run the cluster until the standard input ends."""
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
