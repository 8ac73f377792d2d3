"""The servers below: how the engine learns that one stops, and what it keeps out of a server's log.

Servers wait for open responses before they tell the application that they stop, so a stream that waits to be told holds
them for ever. The engine therefore wraps the handler that a server has installed for its signal, when the first stream
starts. The handler still does what it did.

All that the engine knows of the inside of a server stands in this module.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from .loop import Loop, all_loops, begin_shutdown, loop_of

_SERVERS = ("uvicorn.error", "_granian.utils", "hypercorn.error", "daphne.server")
"""The loggers by which servers tell of an exception that left the application."""
_TEXT = "the client took nothing for"


logger = logging.getLogger(__name__)


class _Link:
    """A signal handler around the one that it was put over. Each keeps its own, so that chains never turn in a circle."""

    def __init__(self, previous: Callable[[int, FrameType | None], Any]) -> None:
        self.previous = previous

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if signals.automatic:
            begin_shutdown()
        self.previous(number, frame)


class Signals:
    """The signals of the process."""

    automatic = True
    """Whether a signal ends the streams, or only a call of `begin_shutdown`."""

    def overhear(self) -> _Link | None:
        """Put a link over the handlers that a server has installed, once. None where there are none: over the default
        action it would swallow the signal, and only the main thread may."""
        if threading.current_thread() is not threading.main_thread():
            return None
        link = self._overhear(signal.SIGTERM)
        if link is not None and signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            self._overhear(signal.SIGINT)
        return link

    def stopping(self, link: object) -> bool:
        """Whether the server whose handler was wrapped says that it stops: the signal may have come before the link."""
        server = getattr(getattr(link, "previous", None), "__self__", None)
        return self.automatic and getattr(server, "should_exit", False) is True

    def _overhear(self, number: signal.Signals) -> _Link | None:
        handler = signal.getsignal(number)
        if isinstance(handler, _Link) or not callable(handler):
            return handler if isinstance(handler, _Link) else None
        link = _Link(handler)
        try:
            signal.signal(number, link)
        except ValueError:
            return None  # a subinterpreter
        if hasattr(signal, "siginterrupt"):  # not on Windows
            signal.siginterrupt(number, False)  # as asyncio has it: no system call is interrupted
        return link


signals = Signals()


def this_loop() -> Loop:
    """The state of the running event loop; its server's signals are overheard."""
    state = loop_of(asyncio.get_running_loop())
    link = signals.overhear()
    if state.link is not None and link is not state.link:
        state.ending = False  # since the server that was stopped, another one has installed its handlers
    state.link = link
    state.ending = state.ending or signals.stopping(link)
    return state


def heed_server(state: Loop) -> None:
    """End the streams of a loop whose server was told to stop by the program itself, if it says that it was. No signal
    comes then, so a stream looks when it sends a ping."""
    if not state.ending and signals.stopping(state.link):
        state.end()


def watch_shutdown() -> None:
    """Overhear the server's signals from now on, and begin anew. It may be called when the application starts (its
    lifespan), so that a signal before the first stream is heard too; the first stream does it otherwise."""
    loop_of(asyncio.get_running_loop()).ending = False
    this_loop()


class _Face(type):
    @property
    def should_exit(cls) -> bool:
        """Whether streams are ending: those of the running event loop, or without one, of any."""
        try:
            return loop_of(asyncio.get_running_loop()).ending
        except RuntimeError:
            return any(loop.ending for loop in all_loops())

    @should_exit.setter
    def should_exit(cls, value: bool) -> None:
        if value:
            begin_shutdown()
        else:
            for loop in all_loops():
                loop.ending = False

    @should_exit.deleter
    def should_exit(cls) -> None:  # what undoes a patch in a test
        cls.should_exit = False

    @property
    def enable_automatic_graceful_drain(cls) -> bool:
        """Whether the server's signal ends the streams."""
        return signals.automatic

    @enable_automatic_graceful_drain.setter
    def enable_automatic_graceful_drain(cls, value: bool) -> None:
        signals.automatic = value

    @enable_automatic_graceful_drain.deleter
    def enable_automatic_graceful_drain(cls) -> None:
        signals.automatic = True


class AppStatus(metaclass=_Face):
    """Setting `AppStatus.should_exit = True` is `begin_shutdown()`. False lets streams start again: tests need not."""

    original_handler: Callable[..., Any] | None = None
    """Called by `handle_exit`; nothing sets it, since no server is patched."""

    @staticmethod
    def disable_automatic_graceful_drain() -> None:
        """Let streams go on when the server is told to stop, until `should_exit` is set or `begin_shutdown` called."""
        AppStatus.enable_automatic_graceful_drain = False

    @staticmethod
    def enable_automatic_graceful_drain_mode() -> None:
        """Let the server's signal end the streams, as it does by default."""
        AppStatus.enable_automatic_graceful_drain = True

    @staticmethod
    def handle_exit(*args: Any, **kwargs: Any) -> None:
        """What the signal does: end the streams, unless that is disabled, and call `original_handler`."""
        if AppStatus.enable_automatic_graceful_drain:
            AppStatus.should_exit = True
        if AppStatus.original_handler is not None:
            AppStatus.original_handler(*args, **kwargs)


class SendTimeoutError(TimeoutError):
    """A client took nothing for `send_timeout` seconds. It leaves the application's call, for who wants to catch it."""


def timed_out(seconds: float | None) -> SendTimeoutError:
    """The exception to be raised for a client that took nothing for so long.

    From then on servers write no traceback when such a one leaves the application: it is no fault, and a thousand clients
    on a train would fill the log.
    """
    for name in _SERVERS:
        logging.getLogger(name).addFilter(_is_a_fault)  # the same filter a second time is not added
    logger.warning("A stream was dropped: %s %s seconds", _TEXT, seconds)
    return SendTimeoutError(f"{_TEXT} {seconds} seconds")


def _is_a_fault(record: logging.LogRecord) -> bool:
    if isinstance(record.exc_info, tuple) and isinstance(record.exc_info[1], SendTimeoutError):
        return False
    last_line = str(record.msg).rstrip().rpartition("\n")[2]  # granian writes the traceback into the message
    return not last_line.startswith(f"{SendTimeoutError.__name__}: {_TEXT}")
