"""`python -m tests.golden` records anew what clients are sent, to be read as a diff; with names, these scenes only."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio

from . import library, process, streams
from .transcript import Scene, Transcript, certain

FOLDER = Path(__file__).parent / "recorded"
SCENES: dict[str, Scene] = streams.SCENES | library.SCENES | process.SCENES


def file_of(scene: str) -> Path:
    """Where the record of a scene is."""
    return FOLDER / f"{scene}.txt"


async def play(scene: str) -> str:
    """What goes over the wire in a scene now."""
    record = Transcript()
    with certain():
        await SCENES[scene](record)
    return str(record)


if __name__ == "__main__":
    names = sys.argv[1:] or list(SCENES)
    if names == list(SCENES):
        for stale in FOLDER.glob("*.txt"):
            stale.unlink()
    for name in names:
        file_of(name).write_text(anyio.run(play, name, backend_options={"use_uvloop": True}))
