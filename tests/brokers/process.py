"""One server process of the tests: started, waited for, ended, all by the id that it was given."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class Reaper:
    """The process that outlives the run, for a moment. Started at the first server, and told of each by its input.

    A run that is ended by its time limit or by kill -9 closes nothing: its end of this pipe is closed by the kernel.
    """

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
            command = [sys.executable, "-m", "tests.brokers.process"]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True)
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """The run has ended by itself."""
        if self._process is not None:
            self._process.communicate()
            self._process = None


REAPER = Reaper()
_PAUSE = 0.05


class StartFailed(Exception):
    """A server that is installed did not come up: its text holds the end of what it wrote."""


class Process:
    """A command in a process group of its own, so that killing it leaves nothing of it behind."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str], output: Path) -> None:
        self._command = list(command)
        self._environment = dict(environment)
        self._output = output
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        assert self._child is not None, "not started"
        return self._child.pid

    def start(self, answers: Callable[[], bool], *, deadline: float = 180.0) -> float:
        """Start the command and wait until it `answers`; returns the seconds that took.

        Raises:
            StartFailed: it ended, or did not answer within `deadline` seconds.
        """
        assert not self.running, "already running"
        begun = time.monotonic()
        with self._output.open("ab") as output:
            self._child = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        REAPER.watch(self._child.pid)
        while not answers():
            if self._ended_within(_PAUSE) or time.monotonic() - begun > deadline:
                self.kill()
                raise StartFailed(f"{self._command[0]} did not come up; the end of {self._output}:\n{self._tail()}")
        return time.monotonic() - begun

    def kill(self) -> None:
        """SIGKILL to the whole group: the machine lost power."""
        self._signal(signal.SIGKILL)

    def stop(self, *, deadline: float = 60.0) -> None:
        """SIGTERM to the server alone, which ends in its own good order; SIGKILL after `deadline` seconds."""
        if self._child is not None and self.running:
            self._child.terminate()
            self._ended_within(deadline)
        self.kill()

    def _signal(self, number: signal.Signals) -> None:
        if self._child is None:
            return
        try:
            os.killpg(self._child.pid, number)
        except ProcessLookupError:
            pass
        self._child.wait()
        REAPER.forget(self._child.pid)

    def _ended_within(self, seconds: float) -> bool:
        assert self._child is not None
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _tail(self) -> str:
        return "\n".join(self._output.read_text(errors="replace").splitlines()[-20:])


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
