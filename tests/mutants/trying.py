"""Whether the tests notice a mutant: in copies of the tree, some at once."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from time import monotonic

from cosmic_ray.testing import run_tests
from cosmic_ray.work_item import TestOutcome

from .drawing import Mutant

_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "build", "dist", "htmlcov", "*.egg-info")
_PATIENCE = 4
"""How many times as long as without a mutant the tests may take, before it counts as noticed."""
_LEAST = 60.0
"""Seconds that they may take in any case."""


class BrokenTests(Exception):
    """The tests fail without a mutant."""


def try_all(
    root: Path, mutants: Sequence[Mutant], tests: Iterable[str], jobs: int, tell: Callable[[str], None]
) -> list[Mutant]:
    """The mutants that no test notices. `jobs` are tried at once; `tell` hears of each.

    Raises:
        BrokenTests: the tests fail without a mutant.
    """
    with _copies(root, jobs) as copies:
        paths = [path for path in tests if (root / path).exists()]
        began = monotonic()
        free: SimpleQueue[Path] = SimpleQueue()
        for copy in copies:
            free.put(copy)
        outcome, output = run_tests(_command(copies[0], paths), 3600)
        if outcome != TestOutcome.SURVIVED:
            raise BrokenTests(output)
        timeout = max(_LEAST, (monotonic() - began) * _PATIENCE)
        tell(f"without a mutant: {monotonic() - began:.0f} s; {timeout:.0f} s for each")

        def attempt(mutant: Mutant) -> bool:
            copy = free.get()
            try:
                return _survives(copy, mutant, paths, timeout)
            finally:
                free.put(copy)

        survivors: list[Mutant] = []
        with ThreadPoolExecutor(jobs) as pool:
            running = {pool.submit(attempt, mutant): mutant for mutant in mutants}
            for number, future in enumerate(as_completed(running), 1):
                mutant, survived = running[future], future.result()
                survivors += [mutant] if survived else []
                word = "SURVIVED" if survived else "noticed"
                tell(f"{number}/{len(mutants)} {word} {mutant.path}:{mutant.line} {mutant.operator}")
        return sorted(survivors, key=lambda mutant: (mutant.path, mutant.line))


def _survives(copy: Path, mutant: Mutant, tests: Sequence[str], timeout: float) -> bool:
    file = copy / mutant.path
    file.write_text(mutant.after)
    nearest = sorted(tests, key=lambda test: Path(test).name != file.parent.name)  # the others stay in their order
    try:
        outcome, _ = run_tests(_command(copy, nearest), timeout)
        return bool(outcome == TestOutcome.SURVIVED)
    finally:
        file.write_text(mutant.before)


def _command(copy: Path, tests: Sequence[str]) -> str:
    """The copy stands before what is installed; hypothesis draws the same examples each time."""
    environment = ["env", "-C", str(copy), f"PYTHONPATH={copy}:{copy / 'connectors'}"]
    options = ["-q", "-x", "-p", "no:cacheprovider", "--hypothesis-seed=1"]
    return shlex.join([*environment, sys.executable, "-m", "pytest", *options, *tests])


@contextmanager
def _copies(root: Path, count: int) -> Iterator[list[Path]]:
    with TemporaryDirectory() as folder:
        copies = [Path(folder, str(number)) for number in range(count)]
        for copy in copies:
            shutil.copytree(root, copy, ignore=_LEFT_OUT)
        yield copies
