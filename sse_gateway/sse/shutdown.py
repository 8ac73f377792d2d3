"""When streams have to end: the process's signals are overheard, and every event loop has a state of its own.

Servers wait for open responses before they tell the application that they stop, so a stream that waits to be told holds
them for ever. The handler that a server has installed for its signal is therefore wrapped, when the first stream starts,
and still does what it did.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

from .loop import Loop, all_loops, loop_of

__all__ = ["Signals", "begin_shutdown", "heed_server", "signals", "this_loop", "watch_shutdown"]


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


def begin_shutdown(loop: asyncio.AbstractEventLoop | None = None) -> None:
    """End the streams of `loop`, or of all event loops of this process, each as its response says; those that start later
    end at once. To be called where no signal comes: the server runs in a thread, is stopped by its own method (uvicorn's
    `should_exit` is noticed at the next ping), or handles signals in a way that can't be overheard (hypercorn's workers).
    May be called from any thread or signal handler.

    It holds for a loop until `watch_shutdown` is called in it, or its server gives way to another.
    """
    with suppress(RuntimeError):  # no loop runs here
        loop_of(asyncio.get_running_loop())
    for state in all_loops() if loop is None else (loop_of(loop),):
        state.end()


def watch_shutdown() -> None:
    """Overhear the server's signals from now on, and begin anew. It may be called when the application starts (its
    lifespan), so that a signal before the first stream is heard too; the first stream does it otherwise."""
    loop_of(asyncio.get_running_loop()).ending = False
    this_loop()
