"""Durations and sizes as people write them: "30s", "1.5h", "16MiB"."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from .errors import InvalidValue

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_LONGEST = 3650 * _SECONDS["d"]  # the clocks of the system can represent more
_NUMBER = re.compile(r"(\d{1,15}(?:\.\d{1,15})?) ?([A-Za-z]+)", re.ASCII)  # a float holds 15 digits


def _parse(text: object, units: dict[str, float] | dict[str, int], example: str) -> float:
    match = _NUMBER.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[2] not in units:
        raise InvalidValue(f"expected a string with a unit ({', '.join(units)}), such as {example}")
    return float(match[1]) * units[match[2]]


def parse_duration(text: object) -> float:
    """The seconds of a text such as "250ms", "30s", "10m", "1h" or "7d", at most ten years.

    Raises:
        InvalidValue: `text` is anything else, such as a number without a unit.
    """
    seconds = _parse(text, _SECONDS, '"30s"')
    if seconds > _LONGEST:
        raise InvalidValue("expected at most 3650d")
    return seconds


def parse_size(text: object) -> int:
    """The bytes of a text such as "512B", "64KB" or "16MiB" (KB is 1000 bytes, KiB is 1024).

    Raises:
        InvalidValue: `text` is anything else, such as a number without a unit.
    """
    return int(_parse(text, _BYTES, '"16MiB"'))


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\d{1,15}(\.\d{1,15})? ?(ms|s|m|h|d)$", "examples": ["30s", "250ms", "10m"]}
    ),
]
"""Seconds, written with a unit. Defaults are written as strings too."""

Size = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\d{1,15}(\.\d{1,15})? ?(B|[KMG]i?B)$", "examples": ["16MiB", "64KB"]}
    ),
]
"""Bytes, written with a unit. Defaults are written as strings too."""
