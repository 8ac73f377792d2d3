"""The JSON Schema of the whole file, for editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ..connector import Connector
from .gateway import Sections
from .source import SourceTable

__all__ = ["json_schema"]


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
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole, "$defs": definitions}


def _name(reference: dict[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]
