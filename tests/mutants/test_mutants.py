"""What finds the changes that no test notices is tested on a project of two functions and a class, and run on a small module of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from .__main__ import main

CODE = """
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    one: int | None


def largest(numbers: list[int | float]) -> int | float:
    best = numbers[0]
    for number in numbers:
        if number > best:
            best = number
    return best


def tell(number: int, heard: list[int]) -> None:
    heard.append(number)
"""
TESTS = """
from src.code import Pair, largest, tell


def test_all() -> None:
    assert [largest([1, 3, 2]), largest([1]), largest([2, 5, 9])] == [3, 1, 9]
    assert Pair(1) == Pair(1)
    tell(1, [])
"""
SAME = """
[[equivalent]]
path = "src/code.py"
before = "best = numbers[0]"
after = "best = numbers[ -1]"
reason = "the largest is found from any other one"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Nothing notices if `tell` says nothing."""
    for name, text in {"src/code.py": CODE, "tests/test_code.py": TESTS, "equivalent.toml": SAME}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def run(project: Path, *arguments: str) -> int:
    options = ["--jobs", "1", "--folders", "src", "absent", "--tests", "tests", *arguments]
    return main(options, root=project, equivalent=project / "equivalent.toml")


@pytest.mark.timeout(600)
def test_what_no_test_notices_is_shown_and_is_a_failure(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each place is tried once, declarations are none, and the project itself stays as it is."""
    assert run(project) == 1
    shown = capsys.readouterr().out
    assert "-    heard.append(number)\n+    pass\nNOT NOTICED" in shown
    assert "equivalent: the largest is found from any other one" in shown
    assert "2 survived, 1 of them not explained" in shown
    assert (project / "src/code.py").read_text() == CODE


@pytest.mark.timeout(600)
def test_three_changes_of_a_module_of_ours_are_all_noticed() -> None:
    assert (
        main(["--count", "3", "--jobs", "1", "--folders", "sse_gateway/units.py", "--tests", "tests/test_units.py"])
        == 0
    )


def test_where_the_tests_fail_without_a_change_none_is_tried(project: Path) -> None:
    (project / "tests/test_code.py").write_text("def test_it() -> None:\n    assert False\n")
    assert run(project) == 2
