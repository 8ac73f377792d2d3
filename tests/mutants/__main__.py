"""`python -m tests.mutants` changes the code in 300 places, one at a time, and says which changes no test notices.

It ends with 1 if there is one that equivalent.toml does not explain. The same seed draws the same places of the same code.
"""

from __future__ import annotations

import os
import sys
import tomllib
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from .drawing import draw
from .trying import BrokenTests, try_all

ROOT = Path(__file__).parents[2]
FOLDERS = ["sse_gateway/core", "sse_gateway/delivery"]
TESTS = ["tests/core", "tests/delivery", "tests/golden"]
EQUIVALENT = Path(__file__).with_name("equivalent.toml")


def main(arguments: Sequence[str] | None = None, *, root: Path = ROOT, equivalent: Path = EQUIVALENT) -> int:
    """The exit code: 0 if every survivor is explained, 1 if not, 2 if the tests fail by themselves."""
    parser = ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="how many (300)")
    parser.add_argument("--seed", type=int, default=1, help="which (1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at once (as many as cores)")
    parser.add_argument("--folders", nargs="+", default=FOLDERS, help=f"of what ({' '.join(FOLDERS)})")
    parser.add_argument("--tests", nargs="+", default=TESTS, help=f"to be noticed by ({' '.join(TESTS)})")
    options = parser.parse_args(arguments)
    mutants = draw(root, options.folders, options.count, options.seed)
    try:
        survivors = try_all(root, mutants, options.tests, options.jobs, _tell)
    except BrokenTests as error:
        _tell(f"{error}\nthe tests fail without a change")
        return 2
    entries = tomllib.loads(equivalent.read_text()).get("equivalent", [])
    reasons = {(each["path"], each["before"], each["after"]): each["reason"] for each in entries}
    unknown = [mutant for mutant in survivors if mutant.change not in reasons]
    for mutant in survivors:
        _tell(f"\n{mutant.diff}\n{'equivalent: ' + reasons[mutant.change] if mutant not in unknown else 'NOT NOTICED'}")
    _tell(f"\n{len(mutants)} mutants, {len(survivors)} survived, {len(unknown)} of them not explained")
    return 1 if unknown else 0


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
