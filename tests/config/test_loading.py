"""From a file to models."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sse_gateway.config import BufferConfig, Config, LogConfig, load
from sse_gateway.connector import Connector
from sse_gateway.errors import ConfigError

from .samples import SOURCE, SampleConfig, SampleConnector, problems, read


def test_an_empty_file_has_the_defaults() -> None:
    config = read("")
    assert config == Config()
    assert (config.server.host, config.server.port) == ("127.0.0.1", 8080)
    assert (config.admin.host, config.admin.port) == ("127.0.0.1", 9090)
    assert (config.limits.heartbeat, config.limits.retry, config.limits.lifetime) == (15.0, 3.0, None)
    assert config.limits.client_buffer == BufferConfig.model_validate({"events": 1000, "bytes": "1MiB"})
    assert (config.drain.delay, config.drain.spread, config.drain.timeout) == (5.0, 10.0, 25.0)
    assert config.routes == ()


def test_a_source_has_its_name_its_connector_and_its_options() -> None:
    source = read(SOURCE + 'url = "kafka://there"\npause = "2m"').sources["demo"]
    assert (source.name, source.connector, source.channel.text) == ("demo", "sample", "demo")
    assert isinstance(source.options, SampleConfig)
    assert (source.options.url, source.options.pause) == ("kafka://there", 120.0)
    assert (source.event, source.id, source.data) == (None, None, None)
    assert (source.encoding, source.on_invalid, source.max_event, source.required) == ("text", "drop", 262_144, False)
    assert source.log == LogConfig.model_validate({"max_events": 10_000, "max_bytes": "16MiB", "max_age": "10m"})


def test_all_keys_of_a_source_are_read() -> None:
    source = read("""
        [sources.demo]
        channel = "demo.{json.id}"
        event = "{headers.type}"
        id = "{key}"
        data = "{json}"
        encoding = "json"
        on_invalid = "base64"
        max_event = "1KiB"
        required = true
        log = { max_events = 2000, max_bytes = "2MiB", max_age = "1h" }
        sample = {}
        """).sources["demo"]
    assert source.data is not None
    assert source.data.render({"json": {"a": [1]}}) == '{"a":[1]}'
    assert source.event is not None
    assert source.event.names == ("headers.type",)
    assert (source.max_event, source.required, source.log.max_age) == (1024, True, 3600.0)


def test_routes_and_limits_are_read() -> None:
    config = read("""
        [limits]
        lifetime = "1h"
        clients_per_address = 10
        [[routes]]
        path = "/events/{id:int}"
        channels = ["orders.{path.id}", "news.{query.topic}"]
        repeated = ["topic"]
        busy = "status"
        """)
    [route] = config.routes
    assert (route.path, route.repeated) == ("/events/{id:int}", ("topic",))
    assert route.parameters == {"id"}
    assert route.busy == "status"
    assert [channel.text for channel in route.channels] == ["orders.{path.id}", "news.{query.topic}"]
    assert (config.limits.lifetime, config.limits.clients_per_address) == (3600.0, 10)


def test_a_configuration_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        read("").server.port = 1
    with pytest.raises(ValidationError, match="frozen"):
        read(SOURCE).sources["demo"].required = True


def test_what_is_not_toml_is_told_with_its_place() -> None:
    assert problems("a = \n") == ["not TOML: Invalid value (at line 1, column 5)"]
    assert problems("a = " + "[" * 100_000) == ["not TOML: nested too deep"]


class Lazy(dict[str, type[Connector[Any]]]):
    """Imports a connector when it is asked for, as the command line's does."""

    def __init__(self) -> None:
        super().__init__(sample=SampleConnector, broken=SampleConnector, unused=SampleConnector)
        self.imported: list[str] = []

    def __getitem__(self, name: str) -> type[Connector[Any]]:
        self.imported.append(name)
        if name == "broken":
            raise ConfigError(["connector broken cannot be imported"])
        return super().__getitem__(name)


def test_only_connectors_that_are_named_are_looked_up() -> None:
    lazy = Lazy()
    load(SOURCE, lazy, environ={})
    assert set(lazy.imported) == {"sample"}


def test_a_connector_that_cannot_be_imported_is_one_problem_among_others() -> None:
    with pytest.raises(ConfigError) as caught:
        load("[sources.demo]\nchannel = 1\n[sources.demo.broken]\n", Lazy(), environ={})
    assert caught.value.problems == (
        "<config>: sources.demo.channel: found 1, expected a string",
        "<config>: sources.demo.broken: connector broken cannot be imported",
    )
