"""Every error of the gateway, in one tree. Each is named by what it means, not by the layer that raises it.

SseGatewayError
├── ConfigError          the configuration is refused; it carries every problem that was found
├── InvalidValue         one value of the configuration is refused; validators of models raise it
├── SourceUnavailable    the upstream is down, or refuses the gateway: the gateway tries again
├── EndOfStream          the upstream has nothing more, and never will
├── OffsetExpired        the upstream no longer holds an offset that was asked for
├── Unmappable           a message cannot become an event; it is counted and skipped
└── MalformedCursor      an incoming event id is not one of the gateway's
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
    """The configuration is refused. `problems` holds one line for each thing that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class InvalidValue(SseGatewayError, ValueError):
    """A value of the configuration is refused. The validators of a model raise it, as pydantic expects of a ValueError.

    `words` are shown to people as they are, so they must not quote a value: a value can hold a secret. Words that begin
    with "expected" say what the value should be. `keys` name other keys of the same table that the words speak of. The
    report of `check` adds the refused value and the values of `keys` as they stand in the file, and leaves out what holds
    a secret, a variable or the user of a URL.
    """

    def __init__(self, words: str, *keys: str) -> None:
        super().__init__(words)
        self.words = words
        self.keys = keys


class SourceUnavailable(SseGatewayError):
    """The upstream is down or refuses the gateway. The text says why, without secrets. The gateway waits and tries again."""


class EndOfStream(SseGatewayError):
    """The upstream has nothing more and never will. The source is finished, it has not failed."""


class OffsetExpired(SseGatewayError):
    """The upstream no longer holds what was asked for. `earliest` is the first offset it still has of each partition."""

    def __init__(self, earliest: Mapping[str, int]) -> None:
        super().__init__(f"the upstream now begins at {dict(earliest)}")
        self.earliest = dict(earliest)


class Unmappable(SseGatewayError):
    """A message cannot become an event. `reason` is a short word for the counter. The text says what was wrong."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class MalformedCursor(SseGatewayError):
    """An incoming event id is too long, of another version, or outside the grammar of `core.ids`."""
