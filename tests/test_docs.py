"""The documents say what is so."""

from __future__ import annotations

import importlib
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sse_gateway.cli import main
from sse_gateway.config import load
from sse_gateway.sources.discovery import connectors

from .pages import ROOT, blocks
from .reference import CONNECTORS, models, written
from .reference import PAGES as TABLES

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
PAGES += [ROOT / folder / "README.md" for folder in ("connectors", "examples", "charts/sse-gateway")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
RULES = dict(re.findall(r"^(\d+)\. (\*\*.+?)(?=^\d+\. |^#|\Z)", ARCHITECTURE, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("page", TABLES, ids=lambda page: page.name)
def test_the_tables_have_every_key_as_the_models_have_it(page: Path) -> None:
    text = page.read_text()
    assert text == written(text), "run: python -m tests.reference"


def test_every_table_is_there() -> None:
    named = [re.findall(r"<!-- keys of (\S+) -->", page.read_text()) for page in TABLES]
    assert sorted(itertools.chain.from_iterable(named)) == sorted(models())
    assert named[1:] == [[name] for name in CONNECTORS]


def anchors(page: Path) -> set[str]:
    """The anchors that the headings of a page have on GitHub."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_into_the_project_leads_to_a_file_and_to_a_heading_of_it(page: Path) -> None:
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text()):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_whole_configuration_in_the_documents_is_right(page: Path) -> None:
    """A block of TOML with a [server] or with sources and routes is a whole file; others are parts of one."""
    classes = connectors([*CONNECTORS, "lines"])
    for text in blocks(page.read_text(), "toml"):
        if "[[routes]]" in text and "[sources." in text:
            environ = dict.fromkeys(re.findall(r"\$\{(\w+)", text), "amqp://localhost/")
            assert load(text, classes, environ=environ).warnings() == []


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text()
    assert [name for name in main.commands if f"`sse-gateway {name}" not in text] == []


def test_streams_has_every_event_of_the_gateway_s_own() -> None:
    code = "".join(file.read_text() for file in (ROOT / "sse_gateway").rglob("*.py"))
    types = set(re.findall(r'"(gateway\.\w+)"', code)) - {"gateway.toml"}
    assert set(re.findall(r"^\| `(gateway\.\w+)`", (ROOT / "docs" / "streams.md").read_text(), re.MULTILINE)) == types


def test_the_changelog_is_kept() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in text
    assert "## Compatibility" in text


TEXTS = ("*.md", "*.py", "*.toml", "*.yaml", "Makefile", "Dockerfile")
OUTSIDE = re.compile(
    r"\bfacts\b[:/]|\bissue \d|\b[Cc]laims? \d|\b(?:core|design|style)\.md\b|\bsketches/|\bseed/|\.\./shared"
)


def texts() -> Iterator[Path]:
    """Every file of the project that people read, but for this one, which names what it looks for."""
    yield from (path for pattern in TEXTS for path in ROOT.glob(pattern))
    for folder in ("sse_gateway", "connectors", "tests", "benchmarks", "examples", "docs", "charts"):
        found = (path for pattern in TEXTS for path in (ROOT / folder).rglob(pattern))
        yield from (path for path in found if "node_modules" not in path.parts and path != Path(__file__))


def test_no_text_refers_to_anything_outside_the_repository() -> None:
    """Neither documents nor docstrings, comments and settings."""
    outside = {str(path.relative_to(ROOT)) for path in texts() if OUTSIDE.search(path.read_text())}
    assert outside == set()


def test_every_document_that_is_named_in_the_code_exists() -> None:
    code = "".join(path.read_text() for path in texts() if path.suffix == ".py")
    names = {path.name for path in texts() if path.suffix == ".md"}
    assert set(re.findall(r"\b[\w-]+\.md\b", code)) - names == set()


def test_the_rules_are_numbered_without_a_hole() -> None:
    assert [int(number) for number in RULES] == [*range(1, 34)]


def test_every_rule_that_the_code_and_the_tests_name_is_there_and_is_not_planned() -> None:
    folders = ("sse_gateway", "connectors", "tests/core")
    code = "".join(path.read_text() for folder in folders for path in (ROOT / folder).rglob("*.py"))
    named = {
        number
        for numbers in re.findall(r"\b[Rr]ules? (\d+(?:(?:, | and )\d+)*)", code)
        for number in re.findall(r"\d+", numbers)
    }
    assert len(named) > 10
    assert [number for number in named if re.match(r"\*\*.+?\*\* \*Planned", RULES[number])] == []


def test_every_file_module_and_class_that_the_architecture_names_exists() -> None:
    """A path is relative to the project or to the package. `Name` (`room/`) is a class of that room, with its method."""
    names = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", ARCHITECTURE, flags=re.MULTILINE | re.DOTALL))
    paths = [name for name in names if re.fullmatch(r"[\w.-]+(?:/[\w.-]*)+|\w+\.(?:py|md|toml)", name)]
    assert len(paths) > 20
    assert [path for path in paths if not any(map(Path.exists, places(path)))] == []
    for module in (name for name in names if re.fullmatch(r"sse_gateway(?:\.\w+)+", name)):
        importlib.import_module(module)
    classes = re.findall(r"`([A-Z]\w+)(?:\.(\w+))?`\s\(`([\w/.]+)`\)", ARCHITECTURE)
    assert len(classes) > 10
    for name, method, path in classes:
        code = "".join(
            file.read_text() for place in places(path) for file in [place, *place.rglob("*.py")] if file.is_file()
        )
        assert re.search(rf"^(?:class {name}\b|{name} = )", code, re.MULTILINE), f"{name} in {path}"
        assert not method or re.search(rf"^    (?:async )?def {method}\b", code, re.MULTILINE), (
            f"{name}.{method} in {path}"
        )


def places(path: str) -> list[Path]:
    """Where a path that a document names may be."""
    return [ROOT / path, ROOT / "sse_gateway" / path, ROOT / "sse_gateway" / f"{path.removeprefix('sse_gateway/')}.py"]
