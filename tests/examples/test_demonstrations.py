"""The demonstrations: each checks itself, and prints what it is there to show."""

from __future__ import annotations

import re

import pytest

from .scripts import DEMONSTRATIONS, demonstrate

SHOWN = {
    "channels_and_generators": [
        f"{name}: {how}"
        for name in ("generator", "channel", "function")
        for how in ("came to its end", "was cancelled")
    ],
    "client_disconnect": [f"{name}: closed, because of: client" for name in ("waiting", "busy", "asking")],
    "custom_protocol": [
        "gone for long: {'id': '8', 'event': 'snapshot'",
        "away for a little: {'id': '5', 'event': 'patch'",
    ],
    "error_recovery": ["call 7 has failed", "'data': 'half-open'", "{'data': '6'}"],
    "frozen_client": ["because of: timeout", "bytes, then: connection reset"],
    "graceful_shutdown": [
        *(f"{name} has ended in order" for name in ("close", "finish", "cooperative", "farewell")),
        "finish reads 'data: part 6 of 6'",
        "cooperative reads 'data: go on at page 2'",
        "farewell reads 'data: bye'",
        "the server has exited",
    ],
    "many_clients": ["200 streams are open", "10000 events", "0 streams are open", "{'finished': 200}"],
    "network_interruption": ["told to: cut", "told to: silence", "ReadTimeout: comes back in 0.1 s, with the id 2"],
    "threads_and_loops": ["thread 2: 5 events", "MainThread: 5 events", "thread 0: ended in order, with 0 more events"],
}


def test_what_each_is_to_show_stands_above() -> None:
    assert sorted(SHOWN) == DEMONSTRATIONS


@pytest.mark.parametrize("name", SHOWN)
def test_it_shows_what_it_is_there_for(name: str) -> None:
    printed = demonstrate(name)
    assert [text for text in SHOWN[name] if text not in printed] == [], printed
    assert "Traceback" not in printed
    if name == "client_disconnect":
        delays = re.findall(r"finally, ([0-9.]+) s after", printed)
        assert len(delays) == 3 and max(map(float, delays)) < 5, "at once, on a machine that is not busy"
    if name == "graceful_shutdown":
        assert printed.count("server: finally") == 2
