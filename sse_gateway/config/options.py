"""The keys of a table, one by one, as people read them: for the command line and the reference."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter

from ..units import Duration, Size

__all__ = ["Option", "options"]


@dataclass(frozen=True, slots=True)
class Option:
    """One key of a table."""

    key: str
    """With the keys of the tables around it, such as `log.max_age`."""
    type: str
    default: str
    """As it stands in TOML; "required", or "none" where there is no default."""
    description: str


def options(model: type[BaseModel]) -> Iterator[Option]:
    """The keys of a table and of the tables in it, in their order."""
    schema = model.model_json_schema()
    return _options(schema, schema.get("$defs", {}), "")


def _options(table: dict[str, Any], definitions: dict[str, Any], prefix: str) -> Iterator[Option]:
    for key, field in table["properties"].items():
        shapes = list(_shapes(field, definitions))
        kind = " or ".join(_kind(shape, definitions) for shape in shapes)
        default = _default(field, required=key in table.get("required", ()))
        yield Option(prefix + key, kind, default, field.get("description", ""))
        for shape in shapes:
            if "properties" in shape:
                yield from _options(shape, definitions, f"{prefix}{key}.")


def _shapes(field: dict[str, Any], definitions: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a field may be, behind references; "or null" only means that it may be left out."""
    if "$ref" in field:
        yield from _shapes(definitions[field["$ref"].rpartition("/")[2]], definitions)
    elif "anyOf" in field:
        for choice in field["anyOf"]:
            yield from _shapes(choice, definitions)
    elif isinstance(field.get("type"), list):
        for kind in field["type"]:
            yield from _shapes({**field, "type": kind}, definitions)
    elif field.get("type") != "null":
        yield field


@cache
def _measures() -> dict[str, str]:
    """What is written with a unit, by the pattern that its schema has."""
    measures: dict[str, TypeAdapter[Any]] = {"duration": TypeAdapter(Duration), "size": TypeAdapter(Size)}
    return {adapter.json_schema()["pattern"]: name for name, adapter in measures.items()}


def _kind(shape: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "const" in shape or "enum" in shape:
        return " or ".join(json.dumps(value) for value in shape.get("enum", [shape.get("const")]))
    if shape.get("type") == "array":
        return "array of " + " or ".join(
            _kind(each, definitions) for each in _shapes(shape.get("items", {}), definitions)
        )
    if shape.get("pattern") in _measures():
        return _measures()[shape["pattern"]]
    if shape.get("format") == "password":
        return "secret"
    kind = str(shape.get("type", "any"))
    return {"object": "table", "integer": "whole number"}.get(kind, kind)


def _default(field: dict[str, Any], *, required: bool) -> str:
    value = field.get("default", {})
    if required or value is None:
        return "required" if required else "none"
    if isinstance(value, dict):
        return "{}"
    return f"{value:_}" if type(value) is int and value >= 10_000 else json.dumps(value, ensure_ascii=False)
