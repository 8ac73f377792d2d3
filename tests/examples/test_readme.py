"""Every script is listed, and says how to run it."""

from __future__ import annotations

import re

import pytest

from .scripts import DEMONSTRATIONS, EXAMPLES, FOLDER

PATHS = [*EXAMPLES, *(f"demonstrations/{name}" for name in DEMONSTRATIONS)]


def test_the_readme_lists_every_script_in_one_line() -> None:
    listed = re.findall(
        r"^\| \[[a-z_]+\.py\]\(([a-z_/]+)\.py\) \| .+ \|$", (FOLDER / "README.md").read_text(), re.MULTILINE
    )
    assert sorted(listed) == sorted(PATHS)


@pytest.mark.parametrize("path", PATHS)
def test_its_first_lines_say_how_to_run_it_and_what_to_see(path: str) -> None:
    docstring = (FOLDER / f"{path}.py").read_text().split('"""')[1]
    assert f"python examples/{path}.py" in docstring
    assert "You see" in docstring


@pytest.mark.parametrize("path", PATHS)
def test_it_is_short_enough_to_be_read(path: str) -> None:
    assert len((FOLDER / f"{path}.py").read_text().splitlines()) <= 130
