"""The ASGI servers: how the engine learns that a server stops, and what it keeps out of a server's log.

A server waits for open responses before it tells the application that it stops. If a stream waited to be told, the server would
never exit. So the engine wraps the signal handlers of the server when the first stream starts. The wrapped handlers are still
called.

Everything that the engine knows about the inside of a server is in this module.
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
"""The loggers to which servers write an exception that the application has raised."""
_TEXT = "the client took nothing for"

logger = logging.getLogger(__name__)


class _Link:
    """A signal handler around another one. Each link keeps the handler that it wraps, so a chain of links has no cycle."""

    def __init__(self, previous: Callable[[int, FrameType | None], Any]) -> None:
        self.previous = previous

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if AppStatus.enable_automatic_graceful_drain:
            begin_shutdown()
        self.previous(number, frame)


def observe_signals() -> _Link | None:
    """Wrap the signal handlers that a server has installed, unless they are wrapped already. Returns the link for SIGTERM.

    None if there is no handler, because a link around the default action would swallow the signal, or outside the main
    thread, which alone may install handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        return None
    link = _observe(signal.SIGTERM)
    if link is not None and signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        _observe(signal.SIGINT)
    return link


def _observe(number: signal.Signals) -> _Link | None:
    handler = signal.getsignal(number)
    if isinstance(handler, _Link) or not callable(handler):
        return handler if isinstance(handler, _Link) else None
    link = _Link(handler)
    try:
        signal.signal(number, link)
    except ValueError:
        return None  # a subinterpreter
    if hasattr(signal, "siginterrupt"):  # not on Windows
        signal.siginterrupt(number, False)  # as asyncio sets it, so that no system call is interrupted
    return link


def stopping(link: object) -> bool:
    """Whether the server whose handler was wrapped reports that it stops. Its signal may have come before the link."""
    server = getattr(getattr(link, "previous", None), "__self__", None)
    return AppStatus.enable_automatic_graceful_drain and getattr(server, "should_exit", False) is True


def this_loop() -> Loop:
    """The state of the running event loop. The signals of its server are observed from now on."""
    state = loop_of(asyncio.get_running_loop())
    link = observe_signals()
    if state.link is not None and link is not state.link:
        state.ending = False  # another server has installed its handlers since the first was stopped
    state.link = link
    state.ending = state.ending or stopping(link)
    return state


def check_server(state: Loop) -> None:
    """End the streams of a loop whose server was stopped by the program and reports it, like uvicorn. No signal comes then,
    so every stream checks this before it sends a ping."""
    if not state.ending and stopping(state.link):
        state.end()


def watch_shutdown() -> None:
    """Observe the server's signals from now on, and forget an earlier shutdown of this loop. Call it when the application
    starts (in its lifespan) if a signal before the first stream must be noticed. Otherwise the first stream does this."""
    loop_of(asyncio.get_running_loop()).ending = False
    this_loop()


class _ShouldExit(type):
    @property
    def should_exit(cls) -> bool:
        """Whether streams are ending: those of the running event loop, or of any loop if none is running here."""
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
    def should_exit(cls) -> None:  # `mock.patch` deletes the attribute that it has set
        cls.should_exit = False


class AppStatus(metaclass=_ShouldExit):
    """The names by which programs for sse-starlette control the shutdown. `AppStatus.should_exit = True` is the same as
    `begin_shutdown()`. False lets streams start again; tests do not need it."""

    enable_automatic_graceful_drain = True
    """Whether a signal of the server ends the streams."""
    original_handler: Callable[..., Any] | None = None
    """Called by `handle_exit`. The engine does not set it, since it patches no server."""

    @staticmethod
    def disable_automatic_graceful_drain() -> None:
        """Let streams go on when the server is stopped, until `should_exit` is set or `begin_shutdown` is called."""
        AppStatus.enable_automatic_graceful_drain = False

    @staticmethod
    def enable_automatic_graceful_drain_mode() -> None:
        """Let a signal of the server end the streams. This is the default."""
        AppStatus.enable_automatic_graceful_drain = True

    @staticmethod
    def handle_exit(*args: Any, **kwargs: Any) -> None:
        """Do what a signal does: end the streams, unless that is disabled, and call `original_handler`."""
        if AppStatus.enable_automatic_graceful_drain:
            begin_shutdown()
        if AppStatus.original_handler is not None:
            AppStatus.original_handler(*args, **kwargs)


class SendTimeoutError(TimeoutError):
    """A client took nothing for `send_timeout` seconds. The response raises it, so that middleware can catch it."""


def timed_out(seconds: float | None) -> SendTimeoutError:
    """The exception to raise for a client that took nothing for `seconds`.

    From now on servers log no traceback for such an exception. It is not a fault of the application, and a thousand clients
    that lose their network at once would fill the log.
    """
    for name in _SERVERS:
        logging.getLogger(name).addFilter(_is_a_fault)  # adding the same filter twice has no effect
    logger.warning("A stream was dropped: %s %s seconds", _TEXT, seconds)
    return SendTimeoutError(f"{_TEXT} {seconds} seconds")


def _is_a_fault(record: logging.LogRecord) -> bool:
    if isinstance(record.exc_info, tuple) and isinstance(record.exc_info[1], SendTimeoutError):
        return False
    last_line = str(record.msg).rstrip().rpartition("\n")[2]  # granian puts the traceback into the message
    return not last_line.startswith(f"{SendTimeoutError.__name__}: {_TEXT}")
