"""What aio-pika raises, and what it means. No text holds a part of the URL but host, port and virtual host."""

from __future__ import annotations

import asyncio

from aio_pika.exceptions import (
    AMQPError,
    AuthenticationError,
    InvalidFrameError,
    ProbableAuthenticationError,
    ProtocolSyntaxError,
)
from aiormq.exceptions import ConnectionClosed, DeliveryError, PublishError

from sse_gateway.connector import Translation

translated = Translation(
    [
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
    ]
)
