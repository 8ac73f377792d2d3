"""`python -m tests.core.oracle STEPS`."""

from __future__ import annotations

import sys

from .agreement import agree

sys.stdout.write(f"both cores agree on {agree(int(sys.argv[1])):,} random steps\n")
