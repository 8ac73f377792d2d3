"""The core tells what the one before told."""

from __future__ import annotations

import pytest

from .agreement import agree


@pytest.mark.parametrize("block", range(4))
def test_both_cores_tell_the_same_in_a_storm(block: int) -> None:
    """A short run; `python -m tests.core.oracle 1000000` is a long one."""
    agree(2_500, seed=block * 1_000_000)
