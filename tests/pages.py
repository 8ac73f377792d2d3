"""The documents, of which tests run what they say to copy, and check what they list."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def page(path: str) -> str:
    """The text of a document, by its path from the root of the project."""
    return (ROOT / path).read_text()


def blocks(text: str, language: str) -> list[str]:
    """The blocks of code in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def block(text: str, language: str) -> str:
    """The only one in it."""
    [found] = blocks(text, language)
    return found
