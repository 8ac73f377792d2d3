"""The documents say what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sse_gateway.cli import main
from sse_gateway.config import load
from sse_gateway.sources.discovery import connectors

from .reference import CONNECTORS, PAGE, models, written

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "examples" / "README.md"]
PAGES += sorted((ROOT / "docs").rglob("*.md"))


def test_the_reference_has_every_key_as_the_models_have_it() -> None:
    page = PAGE.read_text()
    assert page == written(page), "run: python -m tests.reference"


def test_the_reference_has_every_table() -> None:
    assert sorted(re.findall(r"<!-- keys of (\S+) -->", PAGE.read_text())) == sorted(models())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_into_the_project_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_whole_configuration_in_the_documents_is_right(page: Path) -> None:
    """A block of TOML with a [server] or with sources and routes is a whole file; others are parts of one."""
    classes = connectors(CONNECTORS)
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
