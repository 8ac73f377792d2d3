"""When a silence counts."""

from __future__ import annotations

import pytest

from sse_gateway_kafka.connector import Pulse

NEVER: dict[int, int | None] = {0: None, 1: None}


class Consumer:
    """As much of aiokafka's as a pulse looks at: when the last fetch of each partition was answered."""

    answered = NEVER

    def last_poll_timestamp(self, partition: int) -> int | None:
        return self.answered[partition]


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(
            [(now, {0: None, 1: now * 1000}, [0] if now > 2 else []) for now in (0, 0.5, 1, 1.5, 2, 2.5)],
            id="each for itself",
        ),
        pytest.param(
            [(0, NEVER, []), (0.9, NEVER, []), (1.8, NEVER, []), (2.1, {0: 1800, 1: 1}, []), (3, {0: 1800, 1: 1}, [])],
            id="an answer ends it",
        ),
        pytest.param(
            [(0, NEVER, []), (60, NEVER, []), (60.9, NEVER, []), (61.8, NEVER, []), (62.7, NEVER, [0, 1])],
            id="while nobody waits it does not count",
        ),
        pytest.param(
            [(step * 0.9, {0: stamp, 1: stamp}, []) for step, stamp in enumerate((9_000_000, 1, 8_000_000, 2))],
            id="a clock that is set is none",
        ),
    ],
)
def test_a_partition_is_silent_after_two_seconds_in_which_it_was_watched_and_not_answered(
    steps: list[tuple[float, dict[int, int | None], list[int]]],
) -> None:
    consumer = Consumer()
    pulse = Pulse(consumer, 2.0)
    for now, consumer.answered, silent in steps:
        assert pulse.silent([0, 1], now) == silent
