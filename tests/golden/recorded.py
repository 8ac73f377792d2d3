"""The scenes, and the files that hold how each was recorded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from . import answers, library, process, streams
from .transcript import certain

FOLDER = Path(__file__).parent / "recorded"
SCENES: dict[str, Callable[[], Awaitable[str]]] = {
    **streams.SCENES,
    **answers.SCENES,
    **library.SCENES,
    **process.SCENES,
}


def file_of(scene: str) -> Path:
    """Where the record of a scene is."""
    return FOLDER / f"{scene}.txt"


async def play(scene: str) -> str:
    """What goes over the wire in a scene now."""
    with certain():
        return await SCENES[scene]()
