"""A page of `docs/connectors`, taken apart."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["Page"]


class Page:
    """`docs/connectors/NAME.md`."""

    def __init__(self, name: str) -> None:
        self.text = (Path(__file__).parents[2] / "docs" / "connectors" / f"{name}.md").read_text()

    def blocks(self, language: str) -> list[str]:
        """The code of every block in `language`."""
        return re.findall(rf"^```{language}\n(.*?)^```", self.text, re.DOTALL | re.MULTILINE)

    def rows(self, head: str) -> list[list[str]]:
        """The cells of the table whose first column is called `head`."""
        table = self.text.split(f"\n| {head} |")[1].split("\n\n")[0]
        cells = [re.split(r"(?<!\\)\|", line.strip("|\n")) for line in table.split("\n")[2:]]
        return [[cell.strip().replace("\\|", "|") for cell in row] for row in cells]
