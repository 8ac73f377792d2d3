"""The paths of the public server that connectors take for themselves, as webhooks do, and their parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from starlette.routing import Route

from ..connector import Connector, Mountable
from .gateway import Config
from .interpolation import Path
from .route import pattern
from .source import SourceConfig

__all__ = ["clashes", "missing_parameters"]

_TEMPLATES = ("channel", "event", "id", "data")


def clashes(config: Config, connectors: Mapping[str, type[Connector[Any]]]) -> Iterator[tuple[Path, str]]:
    """Where a path is taken twice, so that one of the two would never be reached: the key, and what to do about it. A path
    of `[[routes]]` is none: that has GET, a hook has POST."""
    taken = {"/": "the try-it page"} if config.server.try_page else {}
    for key, path in _mounts(config, connectors):
        if (owner := taken.setdefault(pattern(path), ".".join(key))) != ".".join(key):
            yield key, f'takes the path "{path}", which is the path of {owner} already: each needs one of its own'


def missing_parameters(config: Config, connectors: Mapping[str, type[Connector[Any]]]) -> Iterator[tuple[Path, str]]:
    """Where a template names a parameter that no path of its source has, so that no message would become an event."""
    for name, source in config.sources.items():
        parameters = {f"path.{each}" for route in _routes(source, connectors) for each in route.param_convertors}
        for key in _TEMPLATES:
            template = getattr(source, key)
            for field in template.names if template else ():
                if field.startswith("path.") and field not in parameters:
                    yield ("sources", name, key), f'found "{template.text}": no path of this source has {{{field}}}'


def _mounts(config: Config, connectors: Mapping[str, type[Connector[Any]]]) -> Iterator[tuple[tuple[str, ...], str]]:
    for name, source in config.sources.items():
        for route in _routes(source, connectors):
            yield ("sources", name, source.connector), route.path


def _routes(source: SourceConfig, connectors: Mapping[str, type[Connector[Any]]]) -> Iterator[Route]:
    connector = connectors[source.connector].build(source.options, source.name)
    if isinstance(connector, Mountable):
        yield from (route for route in connector.routes() if isinstance(route, Route))
