"""What aio-pika raises, and what it means: one table. No text in it holds a part of the URL but host, port and vhost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aio_pika.exceptions import (
    AMQPError,
    AuthenticationError,
    InvalidFrameError,
    ProbableAuthenticationError,
    ProtocolSyntaxError,
)
from aiormq.exceptions import ConnectionClosed, DeliveryError, PublishError

from sse_gateway.connector import SourceUnavailable

__all__ = ["explain", "translated"]

# Some failures are subclasses of others: the first that fits is the one. {} stands for what the library says itself.
_MEANINGS: tuple[tuple[type[BaseException], str], ...] = (
    (ProbableAuthenticationError, "the broker refuses the user name or the password ({})"),
    (AuthenticationError, "the broker does not offer the authentication that is configured"),
    (PublishError, "no queue took the message ({})"),
    (DeliveryError, "the broker refused the message (a queue is full, or it failed inside)"),
    (ConnectionClosed, "the broker closed the connection ({})"),
    (InvalidFrameError, "the broker sent what can't be read ({})"),
    (ProtocolSyntaxError, "what answers there does not speak AMQP 0.9.1"),
    (TimeoutError, "no answer in time"),
    (asyncio.CancelledError, "the broker was silent for too long"),
    (OSError, "{}"),
    (AMQPError, "{}"),
    (RuntimeError, "the line is closed"),  # what the library says when asked to use one
)


def explain(error: BaseException) -> str:
    """Why, in one line."""
    meaning = next((text for kind, text in _MEANINGS if isinstance(error, kind)), "{}")
    return meaning.format(str(error) or type(error).__name__)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Around calls of aio-pika only: what they raise becomes SourceUnavailable, which says what was done and why not."""
    try:
        yield
    except asyncio.CancelledError as error:
        # When a line dies the library cancels what waits for an answer on it. Nobody cancelled this task, so to let the
        # exception pass would end it silently.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise SourceUnavailable(f"{doing}: {explain(error)}") from error
    except tuple(kind for kind, _ in _MEANINGS) as error:
        raise SourceUnavailable(f"{doing}: {explain(error)}") from error
