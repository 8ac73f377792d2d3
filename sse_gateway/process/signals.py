"""How the process is told to end, and how it ends."""

from __future__ import annotations

import os
import signal
import sys
from asyncio import AbstractEventLoop
from collections.abc import Callable
from types import FrameType
from typing import NoReturn


def handle_signals(loop: AbstractEventLoop, begin: Callable[[str], None]) -> None:
    """On the first SIGTERM or SIGINT call `begin` with its name, on the second leave at once."""
    signals = (signal.SIGTERM, signal.SIGINT)

    def first(number: signal.Signals) -> None:
        for each in signals:
            loop.remove_signal_handler(each)
            signal.signal(each, _second)  # not through the loop: it may be stuck
        begin(number.name)

    for each in signals:
        loop.add_signal_handler(each, first, each)


def _second(number: int, frame: FrameType | None) -> None:
    os._exit(128 + number)


def open_standard_streams() -> None:
    """Put /dev/null where whoever started the process closed a standard stream: the next socket would get its descriptor,
    and what is written to standard error. Once, before anything is opened."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r+"))


def leave(code: int) -> NoReturn:
    """End the process now. What is still connected is a peer that reads nothing: the kernel closes it. The interpreter's
    own way out would wait for granian's threads."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
