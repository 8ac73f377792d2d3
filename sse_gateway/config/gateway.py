"""The whole configuration, and what its tables demand of each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field
from starlette.routing import compile_path

from .interpolation import Path
from .limits import LimitsConfig
from .route import RouteConfig
from .server import AdminConfig, DrainConfig, LogsConfig, ServerConfig
from .source import SourceConfig
from .table import Table

__all__ = ["Config", "Sections", "conflicts"]


class Sections(Table):
    """The file without its sources, whose tables depend on their connectors."""

    server: ServerConfig = Field(
        default_factory=ServerConfig, description="The public server, for the routes and the webhooks."
    )
    admin: AdminConfig = Field(default_factory=AdminConfig, description="Health and metrics, on a port of their own.")
    logs: LogsConfig = Field(default_factory=LogsConfig, description="What the gateway writes about itself.")
    limits: LimitsConfig = Field(default_factory=LimitsConfig, description="What clients may cost.")
    drain: DrainConfig = Field(default_factory=DrainConfig, description="The staged shutdown.")
    routes: Annotated[tuple[RouteConfig, ...], Field(strict=False)] = Field(
        default=(), description="The URLs at which channels are served."
    )


class Config(Sections):
    """The configuration of one gateway."""

    sources: dict[str, SourceConfig] = Field(default={}, description="The upstreams, by name.")

    def warnings(self) -> list[str]:
        """What is allowed, but hardly meant."""
        return list(_warnings(self))


def conflicts(config: Config) -> Iterator[tuple[Path, str]]:
    """Where tables that are right by themselves don't go together: the key, and what to do about it."""
    yield from _ports(config)
    yield from _paths(config)
    for source in config.sources.values():
        yield from _sizes(source, config.limits)


def _ports(config: Config) -> Iterator[tuple[Path, str]]:
    public, admin = config.server, config.admin
    if public.port and (public.host, public.port) == (admin.host, admin.port):
        yield ("admin", "port"), f"found {admin.port}, which is server.port too: the two servers need a port each"


def _paths(config: Config) -> Iterator[tuple[Path, str]]:
    taken = {"/": "the try-it page"} if config.server.try_page else {}
    for index, route in enumerate(config.routes):
        if route.pattern in taken:
            yield (
                ("routes", index, "path"),
                f'found "{route.path}", which is the path of {taken[route.pattern]} already',
            )
        taken.setdefault(route.pattern, f"routes[{index}]")


def _sizes(source: SourceConfig, limits: LimitsConfig) -> Iterator[tuple[Path, str]]:
    buffer, log, at = limits.client_buffer, source.log, ("sources", source.name)
    if log.max_events < buffer.events:
        yield (*at, "log", "max_events"), _less(log.max_events, "limits.client_buffer.events", buffer.events)
    if log.max_bytes < buffer.bytes:
        yield (*at, "log", "max_bytes"), _less(log.max_bytes, "limits.client_buffer.bytes", buffer.bytes)
    if source.max_event > buffer.bytes:
        yield (
            (*at, "max_event"),
            (
                f"found {source.max_event} bytes, more than limits.client_buffer.bytes ({buffer.bytes}): "
                "a single such event would cost every client its stream"
            ),
        )


def _less(value: int, other: str, bound: int) -> str:
    return f"found {value}, less than {other} ({bound}): what a client may lag must be in the log"


def _warnings(config: Config) -> Iterator[str]:
    for table in ("sources", "routes"):
        if not getattr(config, table):
            yield f"{table}: there are none, so nothing will be served"
    for name, source in config.sources.items():
        if source.channel.names and not any(source.channel.literals):
            yield (
                f'sources.{name}.channel: "{source.channel.text}" can be any name, so every channel is looked for in this '
                f'source: better "{name}.{source.channel.text}"'
            )
    yield from _hidden(config)
    for index, route in enumerate(config.routes):
        for channel in route.channels:
            if not any(channel.overlaps(source.channel) for source in config.sources.values()):
                yield f'routes[{index}].channels: no source publishes to "{channel.text}"'


def _hidden(config: Config) -> Iterator[str]:
    """Routes without parameters that an earlier one with parameters serves as well: the first one that fits is taken."""
    for index, route in enumerate(config.routes):
        for earlier, other in enumerate(config.routes[:index]):
            if not route.parameters and compile_path(other.path)[0].fullmatch(route.path):
                yield f'routes[{index}].path: "{route.path}" is never reached: put it before routes[{earlier}], "{other.path}"'
