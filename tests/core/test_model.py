"""Nothing is lost, repeated or falsely announced, whatever happens: the model's clients check each step as it is taken."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sse_gateway.core import Bounds

from .model import OPERATIONS, Step, World
from .upstream import REPLICAS, SOURCES

NUMBER = st.integers(0, 59)  # divisible by every count that a choice is made from
WEIGHTED = [name for name, weight in OPERATIONS.items() for _ in range(weight)]
STEPS = st.lists(st.tuples(st.sampled_from(WEIGHTED), NUMBER, NUMBER, NUMBER), min_size=20, max_size=150)
UP: list[Step] = [("begin", replica, source, 0) for replica in range(REPLICAS) for source in range(len(SOURCES))]
BOUNDS = st.builds(
    Bounds, st.sampled_from([2, 6, 20]), st.sampled_from([60, 150, 5000]), st.sampled_from([5.0, 20.0, 1000.0])
)
STORMS = 60
"""Runs in one test: what a minute holds on a busy machine, with coverage on. All blocks take ten seconds on a quiet one."""


@pytest.fixture(params=[1, 64])
def max_breaks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with a log that remembers so few losses that it forgets some."""
    monkeypatch.setattr("sse_gateway.core.log._MAX_BREAKS", request.param)


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(bounds=BOUNDS, up=st.sets(st.sampled_from(UP)), steps=STEPS)
@pytest.mark.usefixtures("max_breaks")
def test_every_loss_is_told_when_it_happens(bounds: Bounds, up: set[Step], steps: list[Step]) -> None:
    """Short runs, which hypothesis makes shorter where one fails."""
    World(bounds).run([*sorted(up), *steps])


@pytest.mark.parametrize("block", range(20))
@pytest.mark.usefixtures("max_breaks")
def test_every_loss_is_told_in_a_storm(block: int) -> None:
    """Many more runs, by seed: the rare meetings of an epoch, a loss and a resume need them."""
    for seed in range(block * STORMS, (block + 1) * STORMS):
        bounds, steps = draw(random.Random(seed))
        try:
            World(bounds).run(steps)
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise


def draw(storm: random.Random) -> tuple[Bounds, list[Step]]:
    """The bounds of a world's logs, and what happens in it."""
    bounds = Bounds(storm.choice([2, 6, 20]), storm.choice([60, 150, 5000]), storm.choice([5.0, 20.0, 1000.0]))
    up = [step for step in UP if storm.random() < 0.8]
    weights = [weight * storm.choice((0.2, 1, 1, 5)) for weight in OPERATIONS.values()]  # each has its own weather
    operations = storm.choices([*OPERATIONS], weights, k=storm.randrange(20, 250))
    return bounds, [
        *up,
        *((name, storm.randrange(60), storm.randrange(60), storm.randrange(60)) for name in operations),
    ]
