"""The rules that hold everybody who works on the project."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from blockbuster import BlockingError

from sse_gateway.config import load
from sse_gateway.public.page import page_route

ROOT = Path(__file__).parents[1]


def test_the_makefile_has_few_words_and_each_is_explained() -> None:
    text = (ROOT / "Makefile").read_text()
    words = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)[0].split()
    assert {"run", "test", "check", "lock", "dev"} <= set(words)
    assert len(words) <= 10
    assert [word for word in words if f"# make {word} " not in text] == []


def test_continuous_integration_checks_and_tests() -> None:
    text = (ROOT / ".ci" / "run").read_text()
    assert re.findall(r"^make (\w+)", text, re.MULTILINE)[:2] == ["check", "test"]


def test_a_warning_an_unknown_marker_and_a_test_without_an_end_fail(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.getini("filterwarnings") == ["error"]
    assert pytestconfig.getini("strict")
    assert 0 < float(pytestconfig.getini("timeout")) <= 300


async def test_a_call_of_ours_that_blocks_the_loop_fails() -> None:
    with pytest.raises(BlockingError):
        page_route(load("", {}, environ={}), [])


class TestPackages:
    """`.ci/packages`, on a machine that has none of them."""

    def run(self, folder: Path, user: int, apt: str) -> subprocess.CompletedProcess[str]:
        for name, script in {"dpkg-query": "exit 1", "id": f"echo {user}", "apt-get": apt}.items():
            (folder / name).write_text(f"#!/bin/sh\n{script}\n")
            (folder / name).chmod(0o755)
        environment = {"PATH": f"{folder}:{os.environ['PATH']}"}
        command = [str(ROOT / ".ci" / "packages"), "chromium", "maven"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def test_without_root_the_one_command_is_printed(self, tmp_path: Path) -> None:
        done = self.run(tmp_path, 1000, "touch $0.ran")
        assert done.returncode == 1
        assert done.stderr.endswith("please run: sudo apt-get install -y --no-install-recommends chromium maven\n")
        assert not (tmp_path / "apt-get.ran").exists()

    def test_root_installs_them(self, tmp_path: Path) -> None:
        done = self.run(tmp_path, 0, "echo $*")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "update -qq\ninstall -y --no-install-recommends chromium maven -qq\n"

    def test_what_can_not_be_had_is_told_and_passed_over(self, tmp_path: Path) -> None:
        done = self.run(tmp_path, 0, "exit 100")
        assert done.returncode == 0
        assert "the tests that need them are skipped: chromium maven" in done.stderr
