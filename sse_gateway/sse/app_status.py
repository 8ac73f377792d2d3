"""`AppStatus`: the face that users of the other library know, over the state that each event loop has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from .loop import all_loops, loop_of
from .shutdown import begin_shutdown, signals

__all__ = ["AppStatus"]


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
