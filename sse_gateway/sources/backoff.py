"""How long to wait before the next attempt to connect."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Self

from ..connector import Connector

__all__ = ["Backoff"]

_MOST_LOSSY = 5.0
# as the clients of RabbitMQ try again (Java's network recovery interval, aio-pika's reconnect_interval)


class Backoff:
    """Exponential with full jitter, as the AWS Architecture Blog measured it to load a recovering service the least:
    any time between nothing and a ceiling that doubles with every attempt.
    """

    def __init__(
        self,
        *,
        first: float = 0.5,
        most: float = 30.0,
        healthy: float = 60.0,
        random: Callable[[], float] = random.random,
    ) -> None:
        """`first` and `most` are the lowest and the highest ceiling, in seconds. A connection that lasted `healthy`
        seconds begins anew: a shorter one may be a broker that accepts and throws out again. `random` gives 0 to 1."""
        self._first = first
        self._most = most
        self._healthy = healthy
        self._random = random
        self._ceiling = first

    @classmethod
    def of(cls, connector: Connector[Any], *, random: Callable[[], float] = random.random) -> Self:
        """For the attempts of `connector`. While a lossy one waits before an upstream that is back, all that comes is
        lost, so it waits 5 s at most; of the others nothing is lost but time, and 30 s spare an upstream that is not."""
        return cls(most=_MOST_LOSSY, random=random) if connector.lossy else cls(random=random)

    def next(self, lasted: float) -> float:
        """Seconds to wait, after a connection that lasted so many seconds (0 if there was none)."""
        if lasted >= self._healthy:
            self._ceiling = self._first
        ceiling, self._ceiling = self._ceiling, min(self._ceiling * 2, self._most)
        return ceiling * self._random()
