"""A page of `docs/connectors`, taken apart."""

from __future__ import annotations

import re

from tests.pages import blocks, page


class Page:
    """The page of the connector `name`."""

    def __init__(self, name: str) -> None:
        self.text = page(f"docs/connectors/{name}.md")

    def blocks(self, language: str) -> list[str]:
        """The code of every block in `language`."""
        return blocks(self.text, language)

    def rows(self, head: str) -> list[list[str]]:
        """The cells of the table whose first column is called `head`."""
        table = self.text.split(f"\n| {head} |")[1].split("\n\n")[0]
        cells = [re.split(r"(?<!\\)\|", line.strip("|\n")) for line in table.split("\n")[2:]]
        return [[cell.strip().replace("\\|", "|") for cell in row] for row in cells]
