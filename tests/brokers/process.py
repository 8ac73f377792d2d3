"""One server process of the tests: started, waited for, ended, all by the id that it was given."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .reaper import Reaper

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
