"""The example file: it works as it is, and every key is in it with its default."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sse_gateway.config import Config, Option, RouteConfig, Sections, SourceTable, load, options
from sse_gateway.sources.discovery import connectors

TEXT = (Path(__file__).parents[1] / "gateway.example.toml").read_text()
CLASSES = connectors(["generate", "webhook"])
COMMENT = re.compile(r"^# (?=\w+ = )", re.MULTILINE)

ABSENT = object()


@pytest.fixture(scope="module")
def config() -> Config:
    return load(TEXT, CLASSES, environ={})


def test_it_loads_without_a_warning(config: Config) -> None:
    assert config.warnings() == []


def test_it_is_the_gateway_that_the_readme_promises(config: Config) -> None:
    assert (config.server.host, config.server.port, config.server.try_page) == ("127.0.0.1", 8080, True)
    assert (config.admin.host, config.admin.port) == ("127.0.0.1", 9090)
    assert {name: source.connector for name, source in config.sources.items()} == {
        "demo": "webhook",
        "ticks": "generate",
    }
    assert [(route.path, route.channels[0].text) for route in config.routes] == [
        ("/events/demo", "demo"),
        ("/events/ticks", "ticks"),
    ]


def keys() -> Iterator[tuple[str, Option]]:
    """Every key there is, and the table of the example in which it must stand."""
    for option in options(Sections):
        yield "", option
    for option in options(SourceTable):
        yield "sources.demo", option
    for option in options(RouteConfig):
        yield "routes", option
    for connector, source in (("webhook", "demo"), ("generate", "ticks")):
        for option in options(CLASSES[connector].Config):
            yield f"sources.{source}.{connector}", option


def find(data: Any, path: str) -> Any:
    for part in path.split("."):
        data = data[0] if isinstance(data, list) else data
        if not isinstance(data, dict) or part not in data:
            return ABSENT
        data = data[part]
    return data


WHOLE = tomllib.loads(COMMENT.sub("", TEXT))
KEYS = {f"{table}.{option.key}".removeprefix("."): option for table, option in keys()}


@pytest.mark.parametrize("path", KEYS)
def test_every_key_is_in_it_with_its_default(path: str) -> None:
    default, value = KEYS[path].default, find(WHOLE, path)
    assert value is not ABSENT
    is_commented = find(tomllib.loads(TEXT), path) is ABSENT
    if is_commented and default not in ("none", "required", "{}"):
        assert value == tomllib.loads(f"value = {default}")["value"]


def test_what_stands_behind_a_comment_sign_is_right_too() -> None:
    """All of it at once, but for two keys that mean nothing for this path and without a signature."""
    load(re.sub(r"^(key|hmac) = .*", "", COMMENT.sub("", TEXT), flags=re.MULTILINE), CLASSES, environ={})
