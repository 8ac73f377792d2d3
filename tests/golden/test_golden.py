"""What clients are sent, byte for byte, is what it was when it was recorded."""

from __future__ import annotations

import pytest

from .__main__ import FOLDER, SCENES, file_of, play


@pytest.mark.parametrize("scene", SCENES)
async def test_clients_are_sent_the_same_bytes_as_ever(scene: str) -> None:
    """A change that is meant is recorded by `python -m tests.golden` and named in the changelog."""
    assert await play(scene) == file_of(scene).read_text()


def test_every_record_has_a_scene() -> None:
    assert {file.stem for file in FOLDER.glob("*.txt")} == set(SCENES)
