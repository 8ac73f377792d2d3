"""The words for what was found and what was expected."""

from __future__ import annotations

import json
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

__all__ = ["expected", "found", "tells", "unknown"]

_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a table",
    "float_type": "a number",
    "greater_than": "more than {gt:.15g}",
    "greater_than_equal": "{ge:.15g} or more",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "is_instance_of": "a string",
    "less_than": "less than {lt:.15g}",
    "less_than_equal": "{le:.15g} or less",
    "list_type": "an array",
    "literal_error": "{expected}",
    "model_attributes_type": "a table",
    "model_type": "a table",
    "string_pattern_mismatch": "a string like {pattern}",
    "string_too_long": "at most {max_length} characters",
    "string_too_short": "{min_length} or more characters",
    "string_type": "a string",
    "too_long": "at most {max_length} elements",
    "too_short": "{min_length} or more elements",
    "tuple_type": "an array",
}


def found(value: Any) -> str:
    """A value of the file as it stands there, cut short; tables and arrays by their kind."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an array" if value else "an empty array"
    if isinstance(value, bool | int | float | str):
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= 60 else f"{text[:57]}..."
    return "a date or time"


def expected(detail: ErrorDetails) -> str:
    """What pydantic, or a validator of a model, wanted instead."""
    context = detail.get("ctx", {})
    if detail["type"] == "value_error":
        return str(context["error"])
    if detail["type"] in _EXPECTED:
        return "expected " + _EXPECTED[detail["type"]].format(**context).replace("'", '"')
    return detail["msg"][:1].lower() + detail["msg"][1:]


def unknown(kind: str, key: str, known: Iterable[str]) -> str:
    """That there is no such key or table, and which one may be meant."""
    choices = sorted(known)
    near = get_close_matches(key, choices, n=1)
    return f"unknown {kind}, " + (f"did you mean {near[0]}?" if near else f"expected one of {', '.join(choices)}")


def tells(text: str, value: Any) -> bool:
    """Whether `text` gives a secret away: four of its characters in a row, or all of a shorter one."""
    secret = str(value)
    size = min(4, len(secret))
    return size > 0 and any(secret[start : start + size] in text for start in range(len(secret) - size + 1))
