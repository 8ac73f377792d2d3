"""docs/deployment.md, of which tests run what it says to copy."""

from __future__ import annotations

import re

from .dockerfile import ROOT

__all__ = ["block"]

_TEXT = (ROOT / "docs" / "deployment.md").read_text()


def block(language: str) -> str:
    """The only block of code in this language."""
    [found] = re.findall(rf"^```{language}\n(.*?)^```", _TEXT, re.DOTALL | re.MULTILINE)
    return str(found)
