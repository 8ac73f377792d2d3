"""A pytest plugin: what the tests found out, told at the end of the run also when all is well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

_ROW = "row of a table"
_TABLES: pytest.StashKey[Tables] = pytest.StashKey()


class Report:
    """A test's rows for the tables, kept where pytest hands them over to the process that prints: with the test's result."""

    def __init__(self, properties: list[tuple[str, object]]) -> None:
        self._properties = properties

    def add(self, title: str, row: Mapping[str, object]) -> None:
        """One more row of the table with this title, as a cell for each column."""
        self._properties.append((_ROW, (title, {name: str(cell) for name, cell in row.items()})))


class Tables:
    """Tables by their titles. A table's columns are named by the first who adds a row."""

    def __init__(self) -> None:
        self._tables: dict[str, list[tuple[str, ...]]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the rows of a test, which another worker may have run."""
        values: list[Any] = [
            value for name, value in report.user_properties if name == _ROW and report.when == "teardown"
        ]
        for title, row in values:
            self._tables.setdefault(title, [tuple(row)]).append(tuple(row.values()))

    def lines(self) -> Iterator[tuple[str, list[str]]]:
        """Title and lines of each."""
        for title, (head, *rows) in self._tables.items():
            yield title, list(_lines([head, *sorted(rows)]))


def _lines(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Where tests put what is printed at the end of the run."""
    return Report(request.node.user_properties)


def pytest_configure(config: pytest.Config) -> None:
    """Collect rows from now on."""
    tables = config.stash[_TABLES] = Tables()
    config.pluginmanager.register(tables)


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """The tables, whatever came of the tests."""
    for title, lines in config.stash[_TABLES].lines():
        terminalreporter.section(title)
        for line in lines:
            terminalreporter.write_line(line)
