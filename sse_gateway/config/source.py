"""The tables `[sources.NAME]`: what becomes of the messages of one upstream."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SerializeAsAny

from ..connector import ConnectorConfig
from ..units import Duration, Size
from .table import ChannelTemplate, DataTemplate, Table, TextTemplate

__all__ = ["LogConfig", "SourceConfig", "SourceTable"]


class LogConfig(Table):
    """`[sources.NAME.log]`: the recent history that is kept in memory. What exceeds any bound drops the oldest events."""

    max_events: int = Field(
        default=10_000, ge=1, description="Events that are kept; at least limits.client_buffer.events."
    )
    max_bytes: Size = Field(
        default="16MiB", validate_default=True, ge=1, description="Their bytes; at least limits.client_buffer.bytes."
    )
    max_age: Duration = Field(
        default="10m",
        validate_default=True,
        gt=0,
        description="How long an event is kept: as long as a client may be away and still miss nothing.",
    )


class SourceTable(Table):
    """`[sources.NAME]`, without the table of its connector."""

    channel: ChannelTemplate = Field(description="The channel of an event, such as orders.{key}.")
    event: TextTemplate | None = Field(
        default=None, description="The type of an event, its event: line; without it browsers see a plain message."
    )
    id: TextTemplate | None = Field(
        default=None,
        description="The producer's own id of a message; without it, the one that the upstream carries, if any.",
    )
    data: DataTemplate | None = Field(
        default=None, description="The data of an event; without it, the body as it came."
    )
    encoding: Literal["text", "json", "base64"] = Field(
        default="text",
        description='How a body becomes data: "text" (UTF-8), "json" (checked and compacted) or "base64".',
    )
    on_invalid: Literal["drop", "replace", "base64"] = Field(
        default="drop", description="What becomes of a body that is not what encoding says; each is counted."
    )
    max_event: Size = Field(
        default="256KiB",
        validate_default=True,
        ge=1,
        description="Data of one event; larger ones are dropped and counted. A quarter of what a client may lag.",
    )
    required: bool = Field(default=False, description="Whether the gateway is unready while this source is down.")
    log: LogConfig = Field(default_factory=LogConfig, description="The recent history that is kept in memory.")


class SourceConfig(SourceTable):
    """One source, with its name and the table of its connector."""

    name: str
    connector: str
    """The name of its connector, as its table is called."""
    options: SerializeAsAny[ConnectorConfig]
    """The connector's own table."""
