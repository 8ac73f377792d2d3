"""The table `[limits]`: what clients may cost."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..units import Duration, Size
from .table import Table

__all__ = ["BufferConfig", "LimitsConfig"]


class BufferConfig(Table):
    """`limits.client_buffer`: how far a client may fall behind. It costs no memory: the events stand in the logs."""

    events: int = Field(default=1000, ge=1, description="Events that a client may lag; Mercure's buffer has as many.")
    bytes: Size = Field(default="1MiB", validate_default=True, ge=1, description="Their bytes.")


class LimitsConfig(Table):
    """`[limits]`: what clients may cost. A client beyond a limit is asked to come back, or disconnected with its id."""

    clients: int = Field(default=10_000, ge=1, description="Streams at once; idle ones cost some 20 KB each.")
    clients_per_address: int | None = Field(
        default=None, ge=1, description="Streams at once from one address (IPv6: from one /64); without it, any number."
    )
    client_buffer: BufferConfig = Field(default_factory=BufferConfig, description="How far a client may fall behind.")
    slow_client: Literal["disconnect"] = Field(
        default="disconnect",
        description="What befalls a client beyond client_buffer: it comes back with its id and resumes.",
    )
    send_timeout: Duration = Field(
        default="30s",
        validate_default=True,
        gt=0,
        description="How long a write may take before the client is dropped; between Mercure's 5 s and nginx's 60 s.",
    )
    heartbeat: Duration = Field(
        default="15s",
        validate_default=True,
        gt=0,
        description="Silence after which a heartbeat is sent; the HTML standard advises about 15 s.",
    )
    retry: Duration = Field(
        default="3s",
        validate_default=True,
        ge=0,
        description="When a client that lost its stream comes back, with jitter; as browsers do by themselves.",
    )
    lifetime: Duration | None = Field(
        default=None,
        gt=0,
        description="Age, with jitter, at which a stream ends and its client comes back; without it, none.",
    )
    max_id: Size = Field(
        default="1KiB",
        validate_default=True,
        ge=1,
        description="Length of an event id beyond which it is sent once per flush, not with each event.",
    )
    channels: int = Field(default=64, ge=1, description="Channels that one stream may ask for.")
