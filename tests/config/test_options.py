"""The keys of a table as people read them, and the schema of the whole file."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from sse_gateway.config import LimitsConfig, Option, Sections, SourceTable, json_schema, options

from .samples import CONNECTORS, SampleConfig


def test_each_key_has_its_type_its_default_and_its_description() -> None:
    assert list(options(SampleConfig)) == [
        Option("url", "string", '"amqp://here"', "Where it is."),
        Option("token", "secret", "none", "Who we are."),
        Option("keys", "array of secret", "[]", "Some secrets."),
        Option("pause", "duration", '"1s"', "How long."),
        Option("count", "whole number", "5", "How many."),
        Option("ratio", "number", "0.5", "How much."),
        Option("loud", "boolean", "false", "Whether to shout."),
        Option("topics", "string or array of string", '""', "A name, or some."),
        Option("since", "string or whole number", "none", "A time, or a number."),
        Option("inner", "table", "none", "A table."),
        Option("inner.size", "whole number", "2", "How large."),
    ]


def test_large_numbers_choices_and_tables_are_written_as_in_toml() -> None:
    found = {option.key: option for option in options(LimitsConfig)}
    assert found["clients"].default == "10_000"
    assert (found["client_buffer"].type, found["client_buffer"].default) == ("table", "{}")
    assert found["client_buffer.bytes"].type == "size"
    assert found["slow_client"].type == '"disconnect"'
    assert found["lifetime"].type == "duration"
    assert found["lifetime"].default == "none"


@pytest.mark.parametrize("model", [Sections, SourceTable])
def test_every_key_of_ours_is_described(model: type[Sections] | type[SourceTable]) -> None:
    assert [option.key for option in options(model) if not option.description.endswith(".")] == []


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema: dict[str, Any] = json_schema(CONNECTORS)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize(
    "text",
    [
        "",
        '[sources.demo]\nchannel = "demo"\nlog = { max_age = "1h" }\nsample = { count = 3, pause = "2s" }',
        '[server]\nport = "${PORT}"\ntry_page = "${PAGE:-true}"\n[logs]\nlevel = "${LEVEL}"\n[drain]\ndelay = "${DELAY}"',
        '[sources.demo]\nchannel = "demo"\nlog = { max_age = "${AGE}" }\nsample = { count = "${COUNT}" }',
        '[[routes]]\npath = "/x"\nchannels = ["a"]\n[limits]\nlifetime = "1h"\nclient_buffer = { events = 5 }',
    ],
)
def test_the_schema_accepts_what_is_right(validator: Draft202012Validator, text: str) -> None:
    validator.validate(tomllib.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        "[limts]",
        "[server]\nport = 70000",
        "[limits]\nheartbeat = 15",
        '[sources.demo]\nchannel = "demo"',
        '[sources.demo]\nchannel = "demo"\nsample = {}\nother = {}',
        '[sources.demo]\nchannel = "demo"\nunknown = {}',
        '[sources.demo]\nchannel = "demo"\nsample = { cuont = 3 }',
        "[[routes]]\npath = '/x'\nchannels = []",
    ],
)
def test_the_schema_refuses_what_is_wrong(validator: Draft202012Validator, text: str) -> None:
    assert not validator.is_valid(tomllib.loads(text))
