"""The rules that hold everybody who works on the project."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from blockbuster import BlockingError

from sse_gateway.config import load
from sse_gateway.http.page import page_route

ROOT = Path(__file__).parents[1]


def test_the_makefile_has_few_words_and_each_is_explained() -> None:
    text = (ROOT / "Makefile").read_text()
    words = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)[0].split()
    assert {"run", "test", "check", "lock", "dev"} <= set(words)
    assert len(words) <= 8
    assert [word for word in words if f"# make {word} " not in text] == []


def test_continuous_integration_checks_and_tests() -> None:
    text = (ROOT / ".ci" / "run").read_text()
    assert re.findall(r"^make (\w+)", text, re.MULTILINE)[:2] == ["check", "test"]


def test_a_warning_an_unknown_marker_and_a_test_without_an_end_fail(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.getini("filterwarnings") == ["error"]
    assert pytestconfig.getini("strict")
    assert 0 < float(pytestconfig.getini("timeout")) <= 60


@pytest.mark.anyio
async def test_a_call_of_ours_that_blocks_the_loop_fails() -> None:
    with pytest.raises(BlockingError):
        page_route(load("", {}, environ={}), [])
