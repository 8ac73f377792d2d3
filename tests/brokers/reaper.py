"""Ends the servers of a test run that was killed itself: `python -m tests.brokers.reaper`, told of them by its input.

A run that is ended by its time limit or by kill -9 closes nothing. Its end of this pipe is closed by the kernel.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys


class Reaper:
    """The process that outlives the run, for a moment. Started at the first server."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def watch(self, group: int) -> None:
        """This process group is to end with the run."""
        self._tell(f"+{group}")

    def forget(self, group: int) -> None:
        """This process group has ended."""
        self._tell(f"-{group}")

    def _tell(self, line: str) -> None:
        if self._process is None:
            command = [sys.executable, "-m", "tests.brokers.reaper"]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True)
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """The run has ended by itself."""
        if self._process is not None:
            self._process.communicate()
            self._process = None


def main() -> None:
    """Read the groups that live, to the end of the input; then kill them."""
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        groups = groups | {group} if line.startswith("+") else groups - {group}
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            pass


if __name__ == "__main__":
    main()
