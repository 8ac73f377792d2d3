"""Whether the brokers still answer. While one is away aiokafka tries again in silence, and every batch is empty."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer

__all__ = ["Pulse"]

# Who looks every half second may be this late without having been away.
_AWAY = 1.5


class Pulse:
    """For each partition, when a fetch was last seen to be answered: a broker answers one at least every `fetch_wait`,
    also when it has nothing. Times are the loop's."""

    def __init__(self, consumer: AIOKafkaConsumer, patience: float) -> None:
        self._consumer = consumer
        self._patience = patience
        self._seen: dict[Any, tuple[int | None, float]] = {}
        self._looked = float("-inf")

    def silent(self, partitions: Iterable[Any], now: float) -> list[Any]:
        """The partitions whose fetches have not been answered for `patience` seconds that we waited for them.

        Nothing is fetched while nothing is received, so time before the last look counts only if that was a moment ago.
        """
        waited = now - self._looked < max(self._patience / 2, _AWAY)
        self._looked = now
        silent = []
        for partition in partitions:
            answered = self._consumer.last_poll_timestamp(partition)
            before, since = self._seen.get(partition, (None, now))
            if answered != before or not waited or partition not in self._seen:
                self._seen[partition] = (answered, now)
            elif now - since > self._patience:
                silent.append(partition)
        return silent
