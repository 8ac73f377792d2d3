"""Both cores are told the same and tell the same: `python -m tests.core.oracle 1000000`, so many random steps.

The steps are those of the model: messages, breaks, epochs, evictions, partitions, and readers that move with their ids.
"""

from __future__ import annotations

import random
from typing import cast
from unittest.mock import patch

from sse_gateway.core import Hub

from ..model import World
from ..test_model import draw
from .twin import TwinHub


class TwinWorld(World):
    """The model's world on hubs that are two each."""

    def flush(self, where: int, which: int, what: int) -> None:
        super().flush(where, which, what)
        for replica in self.replicas:
            cast(TwinHub, replica.hub).flush()


def agree(steps: int, *, seed: int = 0) -> int:
    """Take so many steps, or a few more, and return how many."""
    taken = 0
    while taken < steps:
        storm = random.Random(seed)
        bounds, drawn = draw(storm)
        most = storm.choice([1, 3, 64])  # breaks that a log remembers
        with patch("sse_gateway.core.log._MAX_BREAKS", most), patch("tests.core.oracle.core.log._MAX_BREAKS", most):
            try:
                TwinWorld(bounds, hub=lambda process: cast(Hub, TwinHub(process=process))).run(drawn)
            except Exception as error:
                error.add_note(f"seed {seed}")
                raise
        taken, seed = taken + len(drawn), seed + 1
    return taken
