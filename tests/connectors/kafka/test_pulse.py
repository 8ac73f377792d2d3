"""When a silence counts."""

from __future__ import annotations

from sse_gateway_kafka.connector import Pulse


class Consumer:
    """As much of aiokafka's as a pulse looks at: when the last fetch of each partition was answered."""

    def __init__(self) -> None:
        self.answered: dict[int, int | None] = {0: None, 1: None}

    def last_poll_timestamp(self, partition: int) -> int | None:
        return self.answered[partition]


def test_a_partition_is_silent_after_so_long_without_an_answer() -> None:
    """Each for itself, and not before it was watched for as long."""
    consumer = Consumer()
    pulse = Pulse(consumer, 2.0)
    for now in (0.0, 0.5, 1.0, 1.5, 2.0):
        consumer.answered[1] = int(now * 1000)
        assert pulse.silent([0, 1], now) == []
    consumer.answered[1] = 2500
    assert pulse.silent([0, 1], 2.5) == [0]


def test_an_answer_ends_a_silence() -> None:
    """Also one without messages."""
    consumer = Consumer()
    pulse = Pulse(consumer, 2.0)
    for now in (0.0, 0.9, 1.8):
        assert pulse.silent([0], now) == []
    consumer.answered[0] = 1800
    assert pulse.silent([0], 2.1) == []
    assert pulse.silent([0], 3.0) == []


def test_time_in_which_nobody_waited_does_not_count() -> None:
    """While the gateway is held back nothing is fetched, and the broker is not to blame."""
    pulse = Pulse(Consumer(), 2.0)
    assert pulse.silent([0], 0.0) == []
    for now in (60.0, 60.9, 61.8):
        assert pulse.silent([0], now) == []
    assert pulse.silent([0], 62.7) == [0]


def test_a_clock_that_is_set_is_no_silence() -> None:
    """The time of an answer is only looked at for being another one."""
    consumer = Consumer()
    pulse = Pulse(consumer, 2.0)
    for step, stamp in enumerate((9_000_000, 1, 8_000_000, 2)):
        consumer.answered[0] = stamp
        assert pulse.silent([0], step * 0.9) == []
