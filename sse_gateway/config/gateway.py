"""The whole configuration, and what its tables require of each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field
from starlette.routing import Route, compile_path

from ..connector import Connector, Mountable, path_pattern
from ..errors import InvalidValue
from .tables import (
    AdminConfig,
    DrainConfig,
    LimitsConfig,
    LogsConfig,
    RouteConfig,
    ServerConfig,
    SourceConfig,
    Table,
)

Path = tuple[str | int, ...]
"""Where a value stands in the file: keys, and indexes of arrays."""
Problem = tuple[Path, InvalidValue]
Connectors = Mapping[str, type[Connector[Any]]]

_TEMPLATES = ("channel", "event", "id", "data")


class Sections(Table):
    """The file without its sources, whose tables depend on their connectors."""

    server: ServerConfig = Field(default_factory=ServerConfig)
    """The public server, for the routes and the webhooks."""
    admin: AdminConfig = Field(default_factory=AdminConfig)
    """Health and metrics, on a separate port."""
    logs: LogsConfig = Field(default_factory=LogsConfig)
    """The gateway's own log, on standard error."""
    limits: LimitsConfig = Field(default_factory=LimitsConfig)
    """What clients may use."""
    drain: DrainConfig = Field(default_factory=DrainConfig)
    """The staged shutdown."""
    routes: Annotated[tuple[RouteConfig, ...], Field(strict=False)] = Field(
        default=(), description="The URLs at which channels are served."
    )


class Config(Sections):
    """The configuration of one gateway."""

    sources: dict[str, SourceConfig] = Field(default={})
    """The upstreams, by name."""

    def warnings(self) -> list[str]:
        """What is allowed, but probably a mistake: one line for each. No line quotes a value, which may be a secret."""
        return list(_warnings(self))


def conflicts(config: Config, connectors: Connectors) -> Iterator[Problem]:
    """Where tables that are valid on their own contradict each other. The keys that an error names begin at the top of
    the file."""
    yield from _ports(config)
    yield from _route_paths(config)
    for source in config.sources.values():
        yield from _sizes(source, config.limits)
    mounts = {name: list(_mounts(source, connectors)) for name, source in config.sources.items()}
    yield from _mounted_paths(config, mounts)
    yield from _missing_parameters(config, mounts)


def _ports(config: Config) -> Iterator[Problem]:
    public, admin = config.server, config.admin
    if public.port and (public.host, public.port) == (admin.host, admin.port):
        yield ("admin", "port"), InvalidValue("expected another port than server.port, since each server needs its own")


def _route_paths(config: Config) -> Iterator[Problem]:
    taken = {"/": "the try page"} if config.server.try_page else {}
    for index, route in enumerate(config.routes):
        owner = taken.setdefault(route.pattern, f"routes[{index}]")
        if owner != f"routes[{index}]":
            yield ("routes", index, "path"), InvalidValue(f"this path is already taken by {owner}")


def _sizes(source: SourceConfig, limits: LimitsConfig) -> Iterator[Problem]:
    buffer, log, at = limits.client_buffer, source.log, ("sources", source.name)
    for key, value, unit in (("max_events", log.max_events, "events"), ("max_bytes", log.max_bytes, "bytes")):
        if value < getattr(buffer, unit):
            other = f"limits.client_buffer.{unit}"
            words = f"expected at least {other}, since the log must hold all that a client may lag behind"
            yield (*at, "log", key), InvalidValue(words, other)
    if source.max_event > buffer.bytes:
        words = "expected at most limits.client_buffer.bytes, since a larger event would disconnect every client"
        yield (*at, "max_event"), InvalidValue(words, "limits.client_buffer.bytes")


def _mounts(source: SourceConfig, connectors: Connectors) -> Iterator[Route]:
    """The routes of the public server that a connector takes, as webhooks do."""
    connector = connectors[source.connector].build(source.options, source.name)
    if isinstance(connector, Mountable):
        mounted = connector.routes()
        yield from (route for route in mounted if isinstance(route, Route))


def _mounted_paths(config: Config, mounts: Mapping[str, list[Route]]) -> Iterator[Problem]:
    """Paths that two connectors take. A path of `[[routes]]` is not in the way: that has GET, a webhook has POST."""
    taken = {"/": "the try page"} if config.server.try_page else {}
    for name, routes in mounts.items():
        table = ("sources", name, config.sources[name].connector)
        for route in routes:
            owner = taken.setdefault(path_pattern(route.path), ".".join(table))
            if owner != ".".join(table):
                yield table, InvalidValue(f"its path is already taken by {owner}: each needs its own")


def _missing_parameters(config: Config, mounts: Mapping[str, list[Route]]) -> Iterator[Problem]:
    """Templates with a parameter that no path of their source has, so that no message could become an event."""
    for name, source in config.sources.items():
        parameters = {f"path.{each}" for route in mounts[name] for each in route.param_convertors}
        for key in _TEMPLATES:
            template = getattr(source, key)
            if template and any(each.startswith("path.") and each not in parameters for each in template.names):
                words = "it uses a path parameter that no path of this source has"
                yield ("sources", name, key), InvalidValue(words)


def _warnings(config: Config) -> Iterator[str]:
    for table in ("sources", "routes"):
        if not getattr(config, table):
            yield f"{table}: there are none, so nothing will be served"
    for name, source in config.sources.items():
        if source.channel.names and not any(source.channel.literals):
            words = f'it matches every channel, so each is looked up here; better begin it with "{name}."'
            yield f"sources.{name}.channel: {words}"
    yield from _unreached(config)
    for index, route in enumerate(config.routes):
        for place, channel in enumerate(route.channels):
            if not any(channel.overlaps(source.channel) for source in config.sources.values()):
                yield f"routes[{index}].channels[{place}]: no source publishes to this channel"


def _unreached(config: Config) -> Iterator[str]:
    """Routes without parameters behind one with parameters that also matches: the first match is taken."""
    for index, route in enumerate(config.routes):
        for earlier, other in enumerate(config.routes[:index]):
            if not route.parameters and compile_path(other.path)[0].fullmatch(route.path):
                yield f"routes[{index}].path: it is never reached, put it before routes[{earlier}], which matches it too"
