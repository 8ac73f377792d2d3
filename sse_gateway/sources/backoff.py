"""How long to wait before the next attempt to connect."""

from __future__ import annotations

import random
from collections.abc import Callable

__all__ = ["Backoff"]


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

    def next(self, lasted: float) -> float:
        """Seconds to wait, after a connection that lasted so many seconds (0 if there was none)."""
        if lasted >= self._healthy:
            self._ceiling = self._first
        ceiling, self._ceiling = self._ceiling, min(self._ceiling * 2, self._most)
        return ceiling * self._random()
