"""The examples, run as a newcomer runs them: `python examples/NAME.py`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from anyio import to_thread

from ..sse.servers import ROOT, Server, running, until

FOLDER = ROOT / "examples"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.py"))
DEMONSTRATIONS = sorted(
    path.stem for path in (FOLDER / "demonstrations").glob("*.py") if not path.stem.startswith("local_")
)

_URL = re.compile(r"Uvicorn running on http://127\.0\.0\.1:(\d+)")


@asynccontextmanager
async def serving(name: str, directory: Path, *, port: int = 0, on: str = "uvicorn") -> AsyncIterator[Server]:
    """The uvicorn that an example starts, by default on a free port, or another server with its application; killed at the
    end if it still runs."""
    if on != "uvicorn":
        async with running(on, directory, app=f"examples.{name}:app") as server:
            yield server
        return
    path = directory / f"{name}.log"
    with path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", f"examples/{name}.py"],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, "PORT": str(port), "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
    server = Server(process, port, path)
    try:
        await until(lambda: bool(_URL.search(server.log)), 60, lambda: server.log)
        server.port = int(_URL.findall(server.log)[0])
        yield server
    finally:
        if process.poll() is None:
            server.kill()
        await to_thread.run_sync(process.wait)


def demonstrate(name: str) -> str:
    """What a demonstration prints. It has checked itself: one that shows something else fails here."""
    command = [sys.executable, "-W", "error", f"examples/demonstrations/{name}.py"]
    group: dict[str, Any] = {"cwd": ROOT, "text": True, "start_new_session": True}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **group) as process:
        try:
            printed = process.communicate(timeout=280)[0]
        finally:
            with suppress(ProcessLookupError):  # what it has started ends with it
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, printed
    return str(printed)
