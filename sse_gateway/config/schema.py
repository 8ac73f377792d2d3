"""The JSON Schema of the whole file, for editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ..connector import Connector
from .gateway import Sections
from .source import SourceTable

__all__ = ["VARIABLE", "json_schema"]

VARIABLE = {"type": "string", "pattern": r"\$\{"}
"""What may stand for any value that is no plain text: a text with a `${NAME}` in it."""
_ANNOTATIONS = ("default", "description", "examples", "title")


def json_schema(connectors: Mapping[str, type[Connector[Any]]]) -> dict[str, Any]:
    """The schema with the tables of these connectors, by name."""
    models: list[type[BaseModel]] = [Sections, SourceTable, *(connectors[name].Config for name in connectors)]
    references, schema = models_json_schema([(model, "validation") for model in models])
    definitions = schema["$defs"]
    whole, source = (definitions.pop(_name(references[model, "validation"])) for model in (Sections, SourceTable))
    source["properties"] |= {name: references[connectors[name].Config, "validation"] for name in connectors}
    source["oneOf"] = [{"required": [name]} for name in connectors]
    whole["description"] = "The configuration of one gateway."
    whole["properties"]["sources"] = {"type": "object", "additionalProperties": source, "description": "The upstreams."}
    whole["$defs"] = definitions
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_with_variables(whole)}


def _name(reference: dict[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


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
    """Whether it refuses some text. A dict under these words is a key of that name."""
    words = [word for word in ("const", "enum", "pattern") if not isinstance(schema.get(word, {}), dict)]
    return bool(words) or schema.get("type") in ("boolean", "integer", "number")
