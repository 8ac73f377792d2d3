"""What a request asks for: the channels, by its path and query, and the format of the stream, by its Accept header."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from starlette.datastructures import QueryParams
from starlette.routing import compile_path

from ..config import RouteConfig
from ..connector import Problem
from ..templates import CHANNEL, MissingField

_QUALITY = re.compile(r"\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*", re.IGNORECASE)


class StreamRoute:
    """A route of the configuration, compiled once at the start."""

    def __init__(self, config: RouteConfig, *, max_channels: int) -> None:
        self.path = config.path
        self.busy = config.busy
        self._regex = compile_path(config.path)[0]
        self._templates = config.channels
        self._repeated = frozenset(config.repeated)
        self._max_channels = max_channels

    def match(self, path: str) -> dict[str, str] | None:
        """The path parameters, if this route serves `path`."""
        found = self._regex.fullmatch(path)  # `$` alone would accept a line break at the end
        return found.groupdict() if found else None

    def channels(self, path: Mapping[str, str], query: QueryParams) -> tuple[str, ...]:
        """The channels, each once, in the order of the configuration.

        Raises:
            Problem: 400. A query parameter is missing, or is given several times but not `repeated`; or a name is not
                that of a channel; or there are too many channels.
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
            names = [name.removeprefix("query.") for name in template.names if name.startswith("query.")]
            # One channel, or one for each value of a repeated parameter.
            for values in product(*(self._values(name, query) for name in names)):
                try:
                    yield template.render({"path": path, "query": dict(zip(names, values, strict=True))})
                except MissingField as error:
                    kind, _, name = error.name.partition(".")
                    raise Problem(400, f"missing {kind} parameter {name}") from error

    def _values(self, name: str, query: QueryParams) -> list[str]:
        values = list(dict.fromkeys(query.getlist(name))) or [""]
        if len(values) > 1 and name not in self._repeated:
            raise Problem(400, f"the query parameter {name} is given {len(values)} times, expected once")
        return values


def accepts(header: str, media_types: Sequence[str]) -> str | None:
    """Content negotiation (RFC 9110, 12.5.1): the one of `media_types` that the client prefers, the first of those that it
    prefers equally, or None if it accepts none of them. An absent header means `*/*`."""
    ranges = _ranges(header) or {"*/*": 1.0}

    def quality(media_type: str) -> float:
        group = media_type.partition("/")[0] + "/*"
        # The most specific range that covers the type decides.
        return next((ranges[name] for name in (media_type, group, "*/*") if name in ranges), 0.0)

    best = max(media_types, key=quality)
    return best if quality(best) > 0 else None


def names(header: str, media_type: str) -> bool:
    """Whether the client names this type, not only a range such as `*/*`. An EventSource always does."""
    return _ranges(header).get(media_type, 0.0) > 0


def _ranges(header: str) -> dict[str, float]:
    ranges: dict[str, float] = {}
    for item in header.split(","):
        media_range, *parameters = item.split(";")
        if name := media_range.strip().lower():
            matches = [match for match in map(_QUALITY.fullmatch, parameters) if match]
            ranges[name] = float(matches[0][1]) if matches else 1.0
    return ranges
