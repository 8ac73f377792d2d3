"""Templates: what they accept, render and match."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sse_gateway.errors import InvalidValue
from sse_gateway.templates import MissingField, Template

ALLOWED = ("key", "source", "timestamp", "headers.", "json.", "path.")
FIELDS: dict[str, Any] = {
    "key": "k1",
    "source": "orders",
    "timestamp": 1.5,
    "headers": {"x-type": "created", "empty": ""},
    "path": {"id": "7"},
    "json": {
        "a": {"b": "deep", "a.b": 1},
        "n": 10,
        "f": 0.5,
        "yes": True,
        "none": None,
        "list": [{"id": 3}],
        "o": {"é": [1]},
    },
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("100%{key}%s", "100%k1%s"),
        ("{source}.{key}", "orders.k1"),
        ("{{{key}}}", "{k1}"),
        ("{{}}", "{}"),
        ("{headers.X-Type}", "created"),
        ("{path.id}", "7"),
        ("{timestamp}", "1.5"),
        ("{json.a.b}", "deep"),
        ("{json.n}/{json.f}/{json.yes}", "10/0.5/true"),
        ("{json.list.0.id}", "3"),
    ],
)
def test_a_rendering_has_the_values_in_the_place_of_the_fields(text: str, expected: str) -> None:
    assert Template(text, ALLOWED).render(FIELDS) == expected


@pytest.mark.parametrize(
    "name",
    [
        "json.missing",
        "json.none",
        "json.a",
        "json.list",
        "json.list.1",
        "json.list.x",
        "json.n.deeper",
        "headers.absent",
        "headers.empty",
        "path.other",
    ],
)
def test_a_value_that_is_no_text_or_number_is_a_missing_field(name: str) -> None:
    with pytest.raises(MissingField, match="no value for") as caught:
        Template(f"a.{{{name}}}", ALLOWED).render(FIELDS)
    assert caught.value.name == name


@pytest.mark.parametrize(
    ("text", "fields"),
    [("{key}", {}), ("{json.n}", {"json": {"n": float("inf")}}), ("{json.none}", FIELDS)],
    ids=["not in the message", "too large for JSON, as 1e999 is read", "null"],
)
@pytest.mark.parametrize("composite", [False, True])
def test_what_has_no_value_is_missing_in_a_composite_template_too(
    text: str, fields: dict[str, Any], composite: bool
) -> None:
    with pytest.raises(MissingField):
        Template(text, ALLOWED, composite=composite).render(fields)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{json.o}", '{"é":[1]}'),
        ("{json.list}", '[{"id":3}]'),
        ("[{headers.empty}]", "[]"),
        ("{json}", '{"a":1}'),
    ],
)
def test_a_composite_template_renders_objects_arrays_and_empty_texts(text: str, expected: str) -> None:
    template = Template(text, (*ALLOWED, "json"), composite=True)
    fields = {**FIELDS, "json": {"a": 1}} if text == "{json}" else FIELDS
    assert template.render(fields) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.{key", "unbalanced { at character 3"),
        ("a}b", "unbalanced } at character 2"),
        ("{a{key}}", "unbalanced { at character 1"),
        ("{keys}", r"unknown field at character 1 \(did you mean key\?\), expected \{headers\.NAME\}, .*\{key\}, "),
        ("a.{header.x}", r"unknown field at character 3 \(did you mean headers\?\)"),
        *((f"a{{{name}}}", "unknown field at character 2, ") for name in ("", "json", "json.", "json.a..b")),
        *((f"a{{{name}}}", "unknown field at character 2, ") for name in ("headers.", "key.x", "query.x")),
    ],
)
def test_a_wrong_template_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        Template(text, ALLOWED)


def test_a_template_where_no_field_is_allowed_says_so() -> None:
    with pytest.raises(InvalidValue, match="expected none here"):
        Template("{key}", ())


def test_only_json_fields_need_the_body_parsed() -> None:
    assert Template("{json.a}.{key}", ALLOWED).needs_json
    assert not Template("{headers.json}.{key}", ALLOWED).needs_json


def test_a_template_tells_its_text_and_names() -> None:
    template = Template("{key}-{path.id}", ALLOWED)
    assert (template.text, template.names, template.literals) == ("{key}-{path.id}", ("key", "path.id"), ("", "-", ""))
    assert repr(template) == "Template('{key}-{path.id}')"


@pytest.mark.parametrize(
    ("text", "matching", "other"),
    [
        ("news", ["news"], ["new", "newss", ""]),
        ("a.{key}", ["a.b", "a..", "a.b.c"], ["a.", "b.a.c", "a"]),
        ("{key}", ["x"], [""]),
        ("{key}{source}", ["xy", "xyz"], ["x", ""]),
        ("{key}.b.{source}", ["a.b.c", ".b.b.b"], [".b.c", "a.b.", "a.b"]),
        ("a{key}a", ["aba", "aaa"], ["aa", "a"]),
        ("{key}--{source}-", ["a--b-", "----x-"], ["---", "--b-", "a--b"]),
    ],
)
def test_a_template_matches_what_a_rendering_could_give(text: str, matching: list[str], other: list[str]) -> None:
    template = Template(text, ALLOWED)
    assert [name for name in matching if not template.matches(name)] == []
    assert [name for name in other if template.matches(name)] == []


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("news", "news", True),
        ("news", "new", False),
        ("orders.{key}", "orders.{path.id}", True),
        ("orders.{key}", "order.{path.id}", False),
        ("{key}.a", "b.{key}", True),
        ("a.{key}.c", "a.c", False),
        ("{key}", "x", True),
        ("{key}{source}", "x", False),
        ("a{key}b", "aXXb", True),
        ("a{key}b{source}", "{key}ab", True),
        ("a{key}b{source}", "{key}b", True),
        ("a{key}b", "{key}c", False),
    ],
)
def test_templates_overlap_when_one_text_could_come_from_both(one: str, other: str, expected: bool) -> None:
    first, second = Template(one, ALLOWED), Template(other, ALLOWED)
    assert (first.overlaps(second), second.overlaps(first)) == (expected, expected)


PARTS = st.lists(st.sampled_from(["a", "b", "-", "{key}", "{source}"]), max_size=6).map("".join)
VALUES = st.text("ab-", min_size=1, max_size=3)


@given(PARTS, VALUES, VALUES)
def test_every_rendering_matches_its_template(text: str, key: str, source: str) -> None:
    template = Template(text, ALLOWED)
    assert template.matches(template.render({"key": key, "source": source}))


@given(PARTS, PARTS, VALUES, VALUES)
def test_a_template_overlaps_every_other_that_matches_a_rendering(one: str, two: str, key: str, source: str) -> None:
    first, second = Template(one, ALLOWED), Template(two, ALLOWED)
    if second.matches(first.render({"key": key, "source": source})):
        assert first.overlaps(second)


@given(PARTS, st.text("ab-", max_size=8))
def test_matching_agrees_with_a_regular_expression(text: str, candidate: str) -> None:
    template = Template(text, ALLOWED)
    pattern = ".+".join(re.escape(literal) for literal in template.literals)
    assert template.matches(candidate) == bool(re.fullmatch(pattern, candidate, re.DOTALL))
    assert template.matches(candidate) == template.overlaps(Template(candidate, ()))
