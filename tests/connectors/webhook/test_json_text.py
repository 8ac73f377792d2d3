"""JSON is taken apart without a digit of it being changed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sse_gateway_webhook import json_text

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)
layouts = st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}])
spaces = st.text(" \t\n\r", max_size=3)

WRONG = [
    "", " ", "[", "]", "{", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1]]", "[1] x", '{"a":1', '{"a":1,}', "{1:2}",
    '{"a"}', '{"a":}', "{,}", '{"a":1 "b":2}', "NaN", "[NaN]", "[Infinity]", "[-Infinity]", "[01]", "[+1]", "[.5]",
    "['a']", '["\n"]', "[tru]", "\ufeff[]", "[" * 100_000, '{"a":' * 100_000,
]  # fmt: skip


@given(st.lists(values), layouts, spaces)
def test_the_elements_of_an_array_are_its_values(items: list[Any], layout: dict[str, Any], space: str) -> None:
    texts = list(json_text.elements(space + json.dumps(items, **layout) + space))
    assert [json.loads(text) for text in texts] == items


@given(st.dictionaries(st.text(), values), layouts, spaces)
def test_the_members_of_an_object_are_its_values(table: dict[str, Any], layout: dict[str, Any], space: str) -> None:
    found = list(json_text.members(space + json.dumps(table, **layout) + space))
    assert {name: json.loads(text) for name, _, text in found} == table


@given(values, layouts, spaces)
def test_what_is_json_passes_the_check(value: Any, layout: dict[str, Any], space: str) -> None:
    json_text.check(space + json.dumps(value, **layout) + space)


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:12])
def test_what_is_not_json_is_refused_by_each_of_them(text: str) -> None:
    for read in (
        lambda: json_text.check(text),
        lambda: [*json_text.elements(text)],
        lambda: [*json_text.members(text)],
    ):
        with pytest.raises(ValueError, match="."):
            read()


def test_numbers_keep_their_digits_and_their_length() -> None:
    numbers = ["1.10", "1e400", "-0", "0.1e-7", "9" * 5000]
    assert list(json_text.elements(f"[{', '.join(numbers)}]")) == numbers


def test_an_array_is_not_an_object() -> None:
    with pytest.raises(ValueError, match="expected {"):
        list(json_text.members("[]"))
    with pytest.raises(ValueError, match="expected \\["):
        list(json_text.elements("{}"))
