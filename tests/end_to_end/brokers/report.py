"""What the tests found out, told at the end of the run also when all is well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Report"]


class Report:
    """Tables by their titles. A table's columns are named by the first who adds a row."""

    def __init__(self) -> None:
        self._tables: dict[str, list[tuple[str, ...]]] = {}

    def add(self, title: str, row: Mapping[str, object]) -> None:
        """One more row, as a cell for each column."""
        table = self._tables.setdefault(title, [tuple(row)])
        table.append(tuple(str(cell) for cell in row.values()))

    def tables(self) -> Iterator[tuple[str, list[str]]]:
        """Title and lines of each."""
        for title, rows in self._tables.items():
            yield title, list(_lines(rows))


def _lines(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
