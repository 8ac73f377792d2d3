"""All that the author of a connector imports: the contract with the gateway, and what connectors share.

The contract is `Connector`, `ConnectorConfig`, `Message`, the protocols of what else a connector may be able to do, and
three errors. The kit is the rest: `TlsConfig` and `tls_context`, `Translation` of a library's errors, the `Inbox` of a
library that calls back, `parse_start`, `base36` and `digest36` for positions, and `Problem`, `problem`, `check_path` and
`path_pattern` for connectors that serve HTTP.
"""

from __future__ import annotations

from ..core.ids import base36
from ..errors import EndOfStream, InvalidValue, OffsetExpired, SourceUnavailable
from ..units import Duration, Size
from .contract import (
    Connector,
    ConnectorConfig,
    Message,
    Mountable,
    Publishable,
    Rejectable,
    Replayable,
    Strings,
)
from .inbox import Inbox
from .offsets import digest36, parse_start
from .tls import TlsConfig, tls_context
from .translation import Translation
from .web import EXCEPTION_HANDLERS, Problem, check_path, path_pattern, problem

__all__ = [
    "EXCEPTION_HANDLERS",
    "Connector",
    "ConnectorConfig",
    "Duration",
    "EndOfStream",
    "Inbox",
    "InvalidValue",
    "Message",
    "Mountable",
    "OffsetExpired",
    "Problem",
    "Publishable",
    "Rejectable",
    "Replayable",
    "Size",
    "SourceUnavailable",
    "Strings",
    "TlsConfig",
    "Translation",
    "base36",
    "check_path",
    "digest36",
    "parse_start",
    "path_pattern",
    "problem",
    "tls_context",
]
