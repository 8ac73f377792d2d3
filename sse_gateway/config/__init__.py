"""The configuration: one TOML file, its tables as frozen models, and a line for each mistake in it."""

from __future__ import annotations

from .loading import load
from .reference import VARIABLE, Option, json_schema, options
from .tables import (
    AdminConfig,
    BufferConfig,
    Config,
    DrainConfig,
    LimitsConfig,
    LogConfig,
    LogsConfig,
    RouteConfig,
    Sections,
    ServerConfig,
    SourceConfig,
    SourceTable,
)

__all__ = [
    "VARIABLE",
    "AdminConfig",
    "BufferConfig",
    "Config",
    "DrainConfig",
    "LimitsConfig",
    "LogConfig",
    "LogsConfig",
    "Option",
    "RouteConfig",
    "Sections",
    "ServerConfig",
    "SourceConfig",
    "SourceTable",
    "json_schema",
    "load",
    "options",
]
