"""What a send timeout leaves in the log: one line of ours, and not the server's traceback beside it."""

from __future__ import annotations

import logging

__all__ = ["SendTimeoutError", "timed_out"]

_SERVERS = ("uvicorn.error", "_granian.utils", "hypercorn.error", "daphne.server")
"""The loggers by which servers tell of an exception that left the application."""
_TEXT = "the client took nothing for"

logger = logging.getLogger(__name__)


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
