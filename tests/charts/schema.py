"""The part of the chart's `values.schema.json` that is the gateway's own: `config`, with the connectors that come with it."""

from __future__ import annotations

import json
from typing import Any

from sse_gateway.config import VARIABLE, json_schema
from sse_gateway.sources.discovery import connectors

from .rendering import CHART

FILE = CHART / "values.schema.json"

Schema = dict[str, Any]

_CONNECTORS = ("generate", "kafka", "rabbitmq", "webhook")
_READ_BY_THE_CHART = ("AdminConfig", "DrainConfig", "ServerConfig")
_DROPPED = ("default", "examples", "title")


def written() -> str:
    """The file as it has to be: `config` and the definitions come from the models, the rest stays as it is."""
    schema, config = json.loads(FILE.read_text()), json_schema(connectors(_CONNECTORS))
    definitions = {name: _definition(name, each) for name, each in sorted(config.pop("$defs").items())}
    del config["$schema"], config["description"]
    # The connector of another package is judged by the gateway; those that we know, here.
    source = config["properties"]["sources"]["additionalProperties"]
    del source["oneOf"]
    source["additionalProperties"] = {"type": "object"}
    schema["properties"]["config"] = _adapted(config, variables=True)
    return json.dumps(schema | {"$defs": definitions}, indent=2) + "\n"


def _definition(name: str, schema: Schema) -> Schema:
    """The chart reads ports and durations of the drain, so they can't be variables, and no port is left to chance."""
    adapted = dict(_adapted(schema, variables=name not in _READ_BY_THE_CHART))
    if "port" in adapted["properties"]:
        adapted["properties"]["port"]["minimum"] = 1
    return adapted


def _adapted(schema: Any, *, variables: bool) -> Any:
    """The defaults are the gateway's, and not those of values."""
    if isinstance(schema, list):
        return [_adapted(each, variables=variables) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: _adapted(value, variables=variables)
        for key, value in schema.items()
        if key not in _DROPPED or isinstance(value, dict)
    }
    return kept if variables or VARIABLE not in kept.get("anyOf", []) else _without_variable(kept)


def _without_variable(schema: Schema) -> Schema:
    plain, _ = schema.pop("anyOf")
    return {**schema, **plain}
