"""The tables of keys in `docs/`, made from the models. `python -m tests.reference` writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from sse_gateway.config import (
    AdminConfig,
    DrainConfig,
    LimitsConfig,
    LogsConfig,
    RouteConfig,
    ServerConfig,
    SourceTable,
    options,
)
from sse_gateway.sources.discovery import connectors

CONNECTORS = ("generate", "kafka", "rabbitmq", "webhook")
_DOCS = Path(__file__).parents[1] / "docs"
PAGES = (_DOCS / "configuration.md", *(_DOCS / "connectors" / f"{name}.md" for name in CONNECTORS))
"""The tables of the gateway itself, and each connector's."""

_BLOCK = re.compile(r"(<!-- keys of (\S+) -->\n).*?(?=<!-- end -->)", re.DOTALL)


def models() -> Mapping[str, type[BaseModel]]:
    """Every table of the file, by the name that its page has for it."""
    ours: dict[str, type[BaseModel]] = {
        "server": ServerConfig,
        "admin": AdminConfig,
        "logs": LogsConfig,
        "limits": LimitsConfig,
        "drain": DrainConfig,
        "sources": SourceTable,
        "routes": RouteConfig,
    }
    return ours | {name: connector.Config for name, connector in connectors(CONNECTORS).items()}


def table(model: type[BaseModel]) -> str:
    """The keys of a table, in Markdown."""
    rows = [f"| `{key.key}` | {key.type} | {_default(key.default)} | {key.description} |\n" for key in options(model)]
    return "".join(["| key | type | default | |\n|---|---|---|---|\n", *map(_escaped, rows)])


def written(page: str) -> str:
    """The page with all its tables as they have to be."""
    known = models()
    return _BLOCK.sub(lambda match: match[1] + table(known[match[2]]), page)


def _default(text: str) -> str:
    return text if text in ("required", "none") else "its keys' own" if text == "{}" else f"`{text}`"


def _escaped(row: str) -> str:
    """A bar inside a cell would end it."""
    return re.sub(r"(?<=\w)\|(?=\w)", r"\\|", row)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(written(page.read_text()))
