"""The reference for people and editors: the keys of a table one by one, and the JSON Schema of the whole file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from ..connector import Connector
from ..units import Duration, Size
from .tables import Sections, SourceTable

VARIABLE = {"type": "string", "pattern": r"\$\{"}
"""What may replace any value that is not plain text: a string with a `${NAME}` in it."""
_ANNOTATIONS = ("default", "description", "examples", "title")


@dataclass(frozen=True, slots=True)
class Option:
    """One key of a table."""

    key: str
    """The key with those of the tables around it, such as `log.max_age`."""
    type: str
    default: str
    """The default as it is written in TOML, or "required", or "none"."""
    description: str


def options(model: type[BaseModel]) -> Iterator[Option]:
    """The keys of a table and of the tables in it, in order."""
    schema = model.model_json_schema()
    return _options(schema, schema.get("$defs", {}), "")


def json_schema(connectors: Mapping[str, type[Connector[Any]]]) -> dict[str, Any]:
    """The JSON Schema of the file, with the tables of these connectors, by name."""
    models: list[type[BaseModel]] = [Sections, SourceTable, *(connectors[name].Config for name in connectors)]
    references, schema = models_json_schema([(model, "validation") for model in models])
    definitions = schema["$defs"]

    def popped(model: type[BaseModel]) -> Any:
        return definitions.pop(str(references[model, "validation"]["$ref"]).rpartition("/")[2])

    whole, source = popped(Sections), popped(SourceTable)
    source["properties"] |= {name: references[connectors[name].Config, "validation"] for name in connectors}
    source["oneOf"] = [{"required": [name]} for name in connectors]
    whole["description"] = "The configuration of one gateway."
    whole["properties"]["sources"] = {"type": "object", "additionalProperties": source, "description": "The upstreams."}
    whole["$defs"] = definitions
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_with_variables(whole)}


def _with_variables(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_with_variables(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _with_variables(value) for key, value in schema.items()}
    if not _is_strict(found):
        return found
    said = {key: value for key, value in found.items() if key in _ANNOTATIONS}
    return {**said, "anyOf": [{key: value for key, value in found.items() if key not in said}, VARIABLE]}


def _is_strict(schema: dict[str, Any]) -> bool:
    """Whether `schema` refuses some texts. If the value of one of these words is a dict, the word is a key of a table."""
    strict = [word for word in ("const", "enum", "pattern") if not isinstance(schema.get(word, {}), dict)]
    return bool(strict) or schema.get("type") in ("boolean", "integer", "number")


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
    """The alternatives of a field, with references resolved. "or null" only means that the field is optional."""
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
    """The types that are written with a unit, by the pattern in their schema."""
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
