"""One `[[routes]]` entry: from the path and the query of a request to the channels that it asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from starlette.datastructures import QueryParams
from starlette.routing import compile_path

from ..config import CHANNEL, RouteConfig
from ..problem import Problem
from ..template import MissingField, Template

__all__ = ["StreamRoute"]


class StreamRoute:
    """Compiled once at start."""

    def __init__(self, config: RouteConfig, *, max_channels: int) -> None:
        self.path = config.path
        self.busy = config.busy
        self._regex = compile_path(config.path)[0]
        self._templates = config.channels
        self._repeated = frozenset(config.repeated)
        self._max_channels = max_channels

    def match(self, path: str) -> dict[str, str] | None:
        """The path parameters, if this route serves `path`."""
        found = self._regex.fullmatch(path)  # `$` alone would let a line break follow
        return found.groupdict() if found else None

    def channels(self, path: Mapping[str, str], query: QueryParams) -> tuple[str, ...]:
        """The channels, each once, in the order of the configuration.

        Raises:
            Problem: 400; a query parameter is missing, or given twice where one is taken, or a value is no channel name,
                or there are too many.
        """
        channels: dict[str, None] = {}
        for count, channel in enumerate(self._render(path, query), 1):
            if count > self._max_channels:
                raise Problem(400, f"more than {self._max_channels} channels in one subscription")
            if not CHANNEL.fullmatch(channel):
                raise Problem(400, f"{channel!r} is no channel name: up to 200 letters, digits and ._:~@=+-")
            channels[channel] = None
        return tuple(channels)

    def _render(self, path: Mapping[str, str], query: QueryParams) -> Iterator[str]:
        for template in self._templates:
            for values in self._choices(template, query):
                try:
                    yield template.render({"path": path, "query": values})
                except MissingField as error:
                    raise Problem(400, f"missing {_place(error.name)}") from error

    def _choices(self, template: Template, query: QueryParams) -> Iterator[dict[str, str]]:
        """The values of the query parameters that `template` names: one choice, or one for each value of a repeated one."""
        names = [name.removeprefix("query.") for name in template.names if name.startswith("query.")]
        for values in product(*(self._values(name, query) for name in names)):
            yield dict(zip(names, values, strict=True))

    def _values(self, name: str, query: QueryParams) -> list[str]:
        values = list(dict.fromkeys(query.getlist(name))) or [""]
        if len(values) > 1 and name not in self._repeated:
            raise Problem(400, f"the query parameter {name} is given {len(values)} times, expected once")
        return values


def _place(field: str) -> str:
    kind, _, name = field.partition(".")
    return f"{kind} parameter {name}"
