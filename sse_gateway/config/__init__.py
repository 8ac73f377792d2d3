"""The configuration: one TOML file, its tables as frozen models, and a clear line for each thing that is wrong with it."""

from __future__ import annotations

from ..templates import CHANNEL
from .gateway import Config, Sections
from .loading import load
from .reference import VARIABLE, Option, json_schema, options
from .tables import (
    AdminConfig,
    BufferConfig,
    DrainConfig,
    LimitsConfig,
    LogConfig,
    LogsConfig,
    RouteConfig,
    ServerConfig,
    SourceConfig,
    SourceTable,
)

__all__ = [
    "CHANNEL",
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
