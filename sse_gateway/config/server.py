"""The tables of the process: `[server]`, `[admin]`, `[logs]` and `[drain]`."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from ..connector import Strings
from ..units import Duration
from .table import Table

__all__ = ["AdminConfig", "DrainConfig", "LogsConfig", "ServerConfig"]


class ServerConfig(Table):
    """`[server]`: the public server, for the routes and the webhooks."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description='Address to listen on; "0.0.0.0" or "::" to be reached from elsewhere.',
    )
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    try_page: bool = Field(default=False, description="Show a page at / on which the routes can be tried in a browser.")
    trusted_proxies: Strings = Field(
        default=(),
        description="Addresses or networks of proxies whose X-Forwarded-For is believed; from others it is ignored.",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                ip_network(proxy, strict=False)
            except ValueError:
                raise ValueError('expected addresses or networks, such as "10.0.0.0/8"') from None
        return proxies


class AdminConfig(Table):
    """`[admin]`: health and metrics, on a port of their own so that they are never public by accident."""

    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(default=9090, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")


class LogsConfig(Table):
    """`[logs]`: what the gateway writes about itself, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least level that is written; no level writes a line per event."
    )
    format: Literal["text", "json"] = Field(
        default="text", description='"text" for people, "json" (one object per line) for collectors.'
    )


class DrainConfig(Table):
    """`[drain]`: the staged shutdown after SIGTERM or SIGINT. The defaults fit into the 30 s that Kubernetes gives."""

    delay: Duration = Field(
        default="5s",
        validate_default=True,
        ge=0,
        description="Time between unready and closed, in which load balancers take this replica out.",
    )
    spread: Duration = Field(
        default="10s",
        validate_default=True,
        ge=0,
        description="Time over which the clients are sent away, so that they don't come back all at once.",
    )
    timeout: Duration = Field(
        default="25s",
        validate_default=True,
        gt=0,
        description="The whole drain; when it is over the process ends whatever is left.",
    )
    retry: Duration = Field(
        default="3s",
        validate_default=True,
        ge=0,
        description="When a client that was sent away comes back; with a single replica longer than a restart takes, "
        "because browsers give up for ever at a proxy's 502, and Firefox, on a page of another origin, when it is refused.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.delay + self.spread >= self.timeout:
            raise ValueError(
                f"delay and spread take {self.delay + self.spread:g} s, which leaves nothing of timeout "
                f"({self.timeout:g} s): raise timeout, or lower one of them"
            )
        return self
