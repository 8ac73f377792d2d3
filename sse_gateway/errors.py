"""Every error of the gateway, in one tree, named by what it means and not by the layer it comes from.

SseGatewayError
├── ConfigError          the configuration is refused; carries every problem found
├── SourceUnavailable    the upstream is away, or refuses us: the gateway tries again
├── EndOfStream          the upstream has nothing more, and never will
├── OffsetExpired        the upstream no longer holds an offset that was asked for
├── Unmappable           a message cannot become an event; counted and passed over
└── MalformedCursor      an incoming event id is not one of ours
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = [
    "ConfigError",
    "EndOfStream",
    "MalformedCursor",
    "OffsetExpired",
    "SourceUnavailable",
    "SseGatewayError",
    "Unmappable",
]


class SseGatewayError(Exception):
    """The root of the tree: never raised itself."""


class ConfigError(SseGatewayError):
    """The configuration is refused. `problems` holds one line for each thing that is wrong with it."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class SourceUnavailable(SseGatewayError):
    """The upstream is away or refuses us; its text says why, without secrets. The gateway backs off and tries again."""


class EndOfStream(SseGatewayError):
    """The upstream has nothing more and never will: the source is finished, not failed."""


class OffsetExpired(SseGatewayError):
    """The upstream no longer holds what was asked for. `earliest` is the first offset it still has, by partition."""

    def __init__(self, earliest: Mapping[str, int]) -> None:
        super().__init__(f"the upstream now begins at {dict(earliest)}")
        self.earliest = dict(earliest)


class Unmappable(SseGatewayError):
    """A message cannot become an event. `reason` is a short word for the counter; the text says what was wrong."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class MalformedCursor(SseGatewayError):
    """An incoming event id is too long, of another version, or outside the grammar of `core.ids`."""
