"""`python -m tests.golden` records anew what clients are sent, to be read as a diff; with names, these scenes only."""

from __future__ import annotations

import sys

import anyio

from .recorded import FOLDER, SCENES, file_of, play

if __name__ == "__main__":
    names = sys.argv[1:] or list(SCENES)
    if names == list(SCENES):
        for stale in FOLDER.glob("*.txt"):
            stale.unlink()
    for name in names:
        file_of(name).write_text(anyio.run(play, name, backend_options={"use_uvloop": True}))
