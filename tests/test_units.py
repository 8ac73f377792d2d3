"""Durations and sizes as people write them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import TypeAdapter

from sse_gateway.units import Duration, Size, parse_duration, parse_size

WRONG = [
    30,
    1.5,
    True,
    None,
    "",
    "30",
    "s",
    "-1s",
    "1e3s",
    "1 000s",
    "30  s",
    "30s ",
    "1h30m",
    "30S",
    "٣s",
    "1.s",
    "9" * 400 + "s",
    "0." + "1" * 400 + "s",
]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("30s", 30.0), ("1.5m", 90.0), ("1h", 3600.0), ("7d", 604_800.0), ("30 s", 30.0), ("0s", 0.0)],
)
def test_a_duration_is_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


def test_a_duration_is_ten_years_at_most() -> None:
    assert parse_duration("3650d") == 315_360_000
    with pytest.raises(ValueError, match="expected at most 3650d"):
        parse_duration("3650.1d")


@pytest.mark.parametrize(
    ("text", "size"),
    [("512B", 512), ("64KB", 64_000), ("64KiB", 65_536), ("1.5MiB", 1_572_864), ("2MB", 2_000_000), ("1GiB", 2**30)],
)
def test_a_size_is_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_whatever_has_no_unit_or_is_no_number_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(ValueError, match='expected a string with a unit .* such as "30s"'):
        parse_duration(value)
    with pytest.raises(ValueError, match='expected a string with a unit .* such as "16MiB"'):
        parse_size(value)


@pytest.mark.parametrize("kind", [Duration, Size], ids=["duration", "size"])
def test_the_schema_for_editors_agrees(kind: Any) -> None:
    schema = TypeAdapter(kind).json_schema()
    assert all(re.search(schema["pattern"], example) for example in schema["examples"])
    assert [value for value in WRONG if isinstance(value, str) and re.search(schema["pattern"], value, re.ASCII)] == []
