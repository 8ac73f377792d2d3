"""The errors of the gateway, in one tree. Each is named by its meaning, not by the layer that raises it.

SseGatewayError
├── ConfigError          the configuration is refused; the error holds every problem that was found
├── InvalidValue         one value of the configuration is refused; validators of models raise it
├── SourceUnavailable    the upstream is down, or refuses the gateway; the gateway tries again
├── EndOfStream          the upstream has no more messages, and never will
├── OffsetExpired        the upstream no longer holds a requested offset
├── Unmappable           a message cannot become an event; it is counted and skipped
└── MalformedCursor      a `Last-Event-ID` is not an id of the gateway
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = [
    "ConfigError",
    "EndOfStream",
    "InvalidValue",
    "MalformedCursor",
    "OffsetExpired",
    "SourceUnavailable",
    "SseGatewayError",
    "Unmappable",
]


class SseGatewayError(Exception):
    """The root of the tree. It is never raised itself."""


class ConfigError(SseGatewayError):
    """The configuration is refused. `problems` holds one line for each problem."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class InvalidValue(SseGatewayError, ValueError):
    """A value of the configuration is refused. The validators of a model raise it, as pydantic expects of a ValueError.

    `words` are shown as they are, so they must not quote a value, which can hold a secret. Words that begin with "expected"
    say what the value should be. `keys` name other keys of the same table that the words mention. `check` adds the refused
    value and the values of `keys` as they are in the file, but not secrets, variables and the user part of a URL.
    """

    def __init__(self, words: str, *keys: str) -> None:
        super().__init__(words)
        self.words = words
        self.keys = keys


class SourceUnavailable(SseGatewayError):
    """The upstream is down or refuses the gateway. The text says why and contains no secrets. The gateway waits and tries again."""


class EndOfStream(SseGatewayError):
    """The upstream has no more messages and never will. The source is finished. This is not a failure."""


class OffsetExpired(SseGatewayError):
    """The upstream no longer holds a requested offset. `earliest` is the first offset that it holds of each partition."""

    def __init__(self, earliest: Mapping[str, int]) -> None:
        super().__init__(f"the upstream now begins at {dict(earliest)}")
        self.earliest = dict(earliest)


class Unmappable(SseGatewayError):
    """A message cannot become an event. `reason` is the label of the counter. The text says what is wrong."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class MalformedCursor(SseGatewayError):
    """A `Last-Event-ID` is too long, of another version, or not in the grammar of ids (docs/architecture.md, rule 13)."""
