"""The configuration: one TOML file, its tables as frozen models, and clear words for what is wrong with it."""

from __future__ import annotations

from .gateway import Config
from .limits import BufferConfig, LimitsConfig
from .loading import load
from .options import Option, options
from .route import RouteConfig
from .schema import json_schema
from .server import AdminConfig, DrainConfig, LogsConfig, ServerConfig
from .source import LogConfig, SourceConfig
from .table import CHANNEL

__all__ = [
    "CHANNEL",
    "AdminConfig",
    "BufferConfig",
    "Config",
    "DrainConfig",
    "LimitsConfig",
    "LogConfig",
    "LogsConfig",
    "Option",
    "RouteConfig",
    "ServerConfig",
    "SourceConfig",
    "json_schema",
    "load",
    "options",
]
