"""The documents say what is so."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from sse_gateway.cli import main
from sse_gateway.config import load
from sse_gateway.sources.discovery import connectors

from .reference import CONNECTORS, models, written
from .reference import PAGES as TABLES

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
PAGES += [ROOT / "connectors" / "README.md", ROOT / "examples" / "README.md"]
PAGES += sorted((ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", TABLES, ids=lambda page: page.name)
def test_the_tables_have_every_key_as_the_models_have_it(page: Path) -> None:
    text = page.read_text()
    assert text == written(text), "run: python -m tests.reference"


def test_every_table_is_there() -> None:
    named = [re.findall(r"<!-- keys of (\S+) -->", page.read_text()) for page in TABLES]
    assert sorted(itertools.chain.from_iterable(named)) == sorted(models())
    assert named[1:] == [[name] for name in CONNECTORS]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_into_the_project_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_whole_configuration_in_the_documents_is_right(page: Path) -> None:
    """A block of TOML with a [server] or with sources and routes is a whole file; others are parts of one."""
    classes = connectors([*CONNECTORS, "lines"])
    for text in re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        if "[[routes]]" in text and "[sources." in text:
            environ = dict.fromkeys(re.findall(r"\$\{(\w+)", text), "amqp://localhost/")
            assert load(text, classes, environ=environ).warnings() == []


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text()
    assert [name for name in main.commands if f"`sse-gateway {name}" not in text] == []


def test_the_changelog_is_kept() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in text
    assert "## Compatibility" in text
