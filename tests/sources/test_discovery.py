"""Connectors are found by their entry points, imported only when named, and judged in one line each."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from sse_gateway.errors import ConfigError
from sse_gateway.sources.discovery import connectors, installed

CONNECTOR = """
    from sse_gateway.connector import Connector, ConnectorConfig

    class TheConnector(Connector):
        Config = ConnectorConfig

        async def receive(self):
            return []
"""


class Site:
    """A directory of installed packages."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def install(self, name: str, code: str, *, connector: str = "", metadata: str = "") -> None:
        module = name.replace("-", "_")
        (self.path / f"{module}.py").write_text(dedent(code))
        info = self.path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{metadata}")
        entry = f"[sse_gateway.connectors]\n{connector or name} = {module}:TheConnector\n"
        (info / "entry_points.txt").write_text(entry)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return Site(tmp_path)


def problems(*names: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as error:
        connectors(names)
    return error.value.problems


def test_the_connectors_of_this_distribution_are_found() -> None:
    assert {"generate", "kafka", "rabbitmq", "webhook"} <= installed().keys()
    assert connectors(["generate"])["generate"].__module__ == "sse_gateway_generate"


def test_a_connector_from_elsewhere_is_found_by_its_name(site: Site) -> None:
    site.install("carrier-pigeon", CONNECTOR, connector="pigeon")
    found = connectors(["pigeon", "generate"])
    assert list(found) == ["generate", "pigeon"]
    assert found["pigeon"].__module__ == "carrier_pigeon"


def test_only_what_is_named_is_imported(site: Site) -> None:
    site.install("unnamed", "raise RuntimeError('imported')")
    assert "unnamed" in installed()
    assert list(connectors(["generate"])) == ["generate"]


def test_a_name_that_is_not_installed_is_left_to_the_configuration(site: Site) -> None:
    assert connectors(["channel", "carrierpigeon"]) == {}


MISSING = "connector pigeon cannot be imported (No module named 'no_such_library'): pip install "


@pytest.mark.parametrize(
    ("code", "metadata", "told"),
    [
        ("import no_such_library", "Provides-Extra: pigeon\n", f'{MISSING}"pigeon[pigeon]"'),
        ("import no_such_library", "", f'{MISSING}"no_such_library"'),
        ("TheConnector = 5", "", "connector pigeon: pigeon:TheConnector of pigeon is not a Connector"),
    ],
)
def test_what_can_not_be_used_says_why_and_what_brings_it(site: Site, code: str, metadata: str, told: str) -> None:
    site.install("pigeon", code, metadata=metadata)
    assert problems("pigeon") == (told,)


def test_every_problem_is_told_at_once(site: Site) -> None:
    site.install("pigeon", "import no_such_library")
    site.install("drum", "TheConnector = dict")
    assert [problem.split(":")[0] for problem in problems("pigeon", "drum", "generate")] == [
        "connector drum",
        "connector pigeon cannot be imported (No module named 'no_such_library')",
    ]


def test_two_packages_with_one_name_are_refused(site: Site) -> None:
    site.install("first", CONNECTOR, connector="pigeon")
    site.install("second", CONNECTOR, connector="pigeon")
    (problem,) = problems("generate")
    assert problem.startswith("connector pigeon is offered by ")
    assert "first" in problem
    assert "second" in problem
