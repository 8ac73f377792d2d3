"""docs/engine.md says what is so: its tables, and its programs, which run."""

from __future__ import annotations

import inspect
import re
from typing import Any

import anyio
import pytest

import sse_gateway
from sse_gateway.sse import EventSourceResponse

from .pages import blocks, page
from .sse.wire import Wire, serving

TEXT = page("docs/engine.md")
PROGRAMS = blocks(TEXT, "python")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading."""
    section = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in re.findall(r"^\| .*", section, re.MULTILINE)
    ]


def test_the_table_of_parameters_is_the_signature() -> None:
    parameters = list(inspect.signature(EventSourceResponse).parameters.values())
    defaults = ["required" if one.default is one.empty else f"`{one.default!r}`" for one in parameters]
    _, *documented = rows("Parameters")
    assert [row[:2] for row in documented] == [
        [f"`{parameter.name}`", default] for parameter, default in zip(parameters, defaults, strict=True)
    ]


def test_parameters_below_the_last_of_the_other_library_are_by_name_only() -> None:
    parameters = list(inspect.signature(EventSourceResponse).parameters.values())
    by_name = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    last = parameters[len(parameters) - len(by_name) - 1]
    assert last.name == "cleanup_timeout"
    assert f"Those below `{last.name}` are new and keyword-only" in TEXT


def test_every_public_name_is_told_of() -> None:
    assert [name for name in sse_gateway.__all__ if name != "__version__" and f"`{name}" not in TEXT] == []


@pytest.mark.parametrize(
    "program", PROGRAMS, ids=lambda program: f"line {TEXT[: TEXT.index(program)].count(chr(10)) + 1}"
)
async def test_every_program_runs_and_streams(program: str) -> None:
    names: dict[str, Any] = {}
    exec(compile(program, "docs/engine.md", "exec"), names)  # noqa: S102
    paths = re.findall(r'Route\("(.+?)"|@app\.get\("(.+?)"', program)
    assert paths or "app" not in names
    for path in map("".join, paths):
        wire = Wire(path=path, query_string=b"")
        with anyio.fail_after(30):
            async with serving(names["app"], wire):
                await wire.until(wire.events)
        assert wire.start["status"] == 200


def test_the_figures_keep_what_is_promised() -> None:
    """At most a third of the other library's memory and time for each event, and two tasks for a connection."""
    head, *figures = rows("What it costs")
    assert head[0] == "" and head[-1].startswith("this engine / ")
    assert len(figures) == 12
    for what, ours, *_, ratio in figures:
        if what.endswith(", tasks"):
            assert float(ours) <= 2
        else:
            assert float(ratio) <= 1 / 3, what
