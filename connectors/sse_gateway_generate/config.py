"""The table `[sources.NAME.generate]`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sse_gateway.connector import ConnectorConfig, Size

__all__ = ["GenerateConfig"]


class GenerateConfig(ConnectorConfig):
    """What the `generate` connector makes, and how fast."""

    rate: float = Field(default=1.0, gt=0, le=1_000_000, description="Events per second, on average over bursts.")
    burst: int = Field(default=1, ge=1, le=100_000, description="Events that come at once; fewer bursts keep the rate.")
    count: int | None = Field(default=None, ge=1, description="Events after which the source is finished; none: never.")
    keys: int = Field(
        default=1,
        ge=1,
        le=1_000_000,
        description='Keys that the events go round, "0", "1" and so on, for channels by {key}.',
    )
    type: str = Field(
        default="tick", min_length=1, description='The header "type" of each message, for event = "{headers.type}".'
    )
    format: Literal["json", "timing"] = Field(
        default="json",
        description='"json" has seq, key, time and monotonic_ns; "timing" is "t=NANOSECONDS s=SEQ", for load generators '
        "on the same machine: the clock is CLOCK_MONOTONIC.",
    )
    size: Size | None = Field(
        default=None, le=1_048_576, description="Bytes to which a shorter body is padded; none: as it is."
    )
