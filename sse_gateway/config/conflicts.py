"""What the tables of a configuration require of each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from starlette.routing import Route

from ..connector import Connector, Mountable, path_pattern
from ..errors import InvalidValue
from .tables import Config, LimitsConfig, SourceConfig

Path = tuple[str | int, ...]
"""Where a value is in the file: keys, and indexes of arrays."""
Problem = tuple[Path, InvalidValue]
Connectors = Mapping[str, type[Connector[Any]]]

_TEMPLATES = ("channel", "event", "id", "data")


def conflicts(config: Config, connectors: Connectors) -> Iterator[Problem]:
    """Where tables that are valid alone contradict each other. The keys in an error begin at the top of the file."""
    public, admin = config.server, config.admin
    if public.port and (public.host, public.port) == (admin.host, admin.port):
        yield ("admin", "port"), InvalidValue("expected another port than server.port, since each server needs its own")
    mounts = {name: list(_mounts(source, connectors)) for name, source in config.sources.items()}
    yield from _paths(config, mounts)
    for source in config.sources.values():
        yield from _sizes(source, config.limits)
    yield from _missing_parameters(config, mounts)


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
    """The routes of a connector on the public server, as webhooks have them."""
    connector = connectors[source.connector].build(source.options, source.name)
    if isinstance(connector, Mountable):
        yield from (route for route in connector.routes() if isinstance(route, Route))


def _paths(config: Config, mounts: Mapping[str, list[Route]]) -> Iterator[Problem]:
    """Paths that are used twice. Routes and webhooks do not conflict: a route has GET, a webhook has POST."""
    page = {"/": "the try page"} if config.server.try_page else {}
    routes, webhooks = page, dict(page)
    for index, route in enumerate(config.routes):
        name = f"routes[{index}]"
        owner = routes.setdefault(route.pattern, name)
        if owner != name:
            yield ("routes", index, "path"), InvalidValue(f"this path is already taken by {owner}")
    for source, mounted in mounts.items():
        table = ("sources", source, config.sources[source].connector)
        for each in mounted:
            owner = webhooks.setdefault(path_pattern(each.path), ".".join(table))
            if owner != ".".join(table):
                yield table, InvalidValue(f"its path is already taken by {owner}: each needs its own")


def _missing_parameters(config: Config, mounts: Mapping[str, list[Route]]) -> Iterator[Problem]:
    """Templates with a parameter that no path of their source has. No message could become an event."""
    for name, source in config.sources.items():
        parameters = {f"path.{each}" for route in mounts[name] for each in route.param_convertors}
        for key in _TEMPLATES:
            template = getattr(source, key)
            if template and any(each.startswith("path.") and each not in parameters for each in template.names):
                words = "it uses a path parameter that no path of this source has"
                yield ("sources", name, key), InvalidValue(words)
