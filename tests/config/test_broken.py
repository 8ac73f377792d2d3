"""Broken configurations through the command line: one clear line for each error, exit 1, never a traceback.

Each file in `broken/` ends with the errors that it has to give; CONNECTORS stands for the names of those installed.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sse_gateway.cli import main
from sse_gateway.sources.discovery import installed

FOLDER = Path(__file__).parent / "broken"
FILES = sorted(FOLDER.glob("*.toml"))
SECRET = "hunter2-the-word"


def expected(file: Path) -> list[str]:
    errors = re.findall(r"^# error: (.*)$", file.read_text(), re.MULTILINE)
    return [f"{file.name}: {error}".replace("CONNECTORS", ", ".join(installed())) for error in errors]


def test_there_are_many() -> None:
    assert all(map(expected, FILES))
    assert sum(map(len, map(expected, FILES))) >= 90


@pytest.mark.parametrize("command", ["check", "serve"])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_broken_file_gives_exactly_its_errors(
    file: Path, command: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(file.parent)
    monkeypatch.setenv("SSE_GATEWAY_SECRET", SECRET)
    with pytest.raises(SystemExit) as caught:
        main([command, file.name])
    written = capfd.readouterr()
    assert written.err.splitlines() == expected(file)
    assert (caught.value.code, written.out) == (1, "")
    assert SECRET not in written.err
