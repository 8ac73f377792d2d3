"""The paths of the public server that connectors take for themselves, as webhooks do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from starlette.routing import Route

from ..connector import Connector, Mountable
from .gateway import Config
from .interpolation import Path
from .route import pattern

__all__ = ["clashes"]


def clashes(config: Config, connectors: Mapping[str, type[Connector[Any]]]) -> Iterator[tuple[Path, str]]:
    """Where a path is taken twice, so that one of the two would never be reached: the key, and what to do about it. A path
    of `[[routes]]` is none: that has GET, a hook has POST."""
    taken = {"/": "the try-it page"} if config.server.try_page else {}
    for key, path in _mounts(config, connectors):
        if (owner := taken.setdefault(pattern(path), ".".join(key))) != ".".join(key):
            yield key, f'takes the path "{path}", which is the path of {owner} already: each needs one of its own'


def _mounts(config: Config, connectors: Mapping[str, type[Connector[Any]]]) -> Iterator[tuple[tuple[str, ...], str]]:
    for name, source in config.sources.items():
        connector = connectors[source.connector]
        if issubclass(connector, Mountable):
            routes = connector(source.options, name=name).routes()
            yield from (
                (("sources", name, source.connector), route.path) for route in routes if isinstance(route, Route)
            )
