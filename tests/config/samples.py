"""A connector and the shortest file that uses it, for the tests of the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

import pytest
from pydantic import Field, SecretStr, WithJsonSchema, field_validator, model_validator

from sse_gateway.config import Config, load
from sse_gateway.connector import Connector, ConnectorConfig, Duration, Message
from sse_gateway.errors import ConfigError


class InnerConfig(ConnectorConfig):
    """A table in a connector's table."""

    size: int = Field(default=2, ge=1, multiple_of=2, description="How large.")


class SampleConfig(ConnectorConfig):
    """The sample's table."""

    url: str = Field(default="amqp://here", description="Where it is.")
    token: SecretStr | None = Field(default=None, description="Who we are.")
    keys: tuple[SecretStr, ...] = Field(default=(), strict=False, description="Some secrets.")
    pause: Duration = Field(default="1s", validate_default=True, description="How long.")
    count: int = Field(default=5, description="How many.")
    ratio: float = Field(default=0.5, description="How much.")
    loud: bool = Field(default=False, description="Whether to shout.")
    topics: str | Annotated[tuple[str, ...], Field(strict=False)] = Field(default="", description="A name, or some.")
    since: Annotated[str, WithJsonSchema({"type": ["string", "integer"]})] | None = Field(
        default=None, description="A time, or a number."
    )
    inner: InnerConfig | None = Field(default=None, description="A table.")

    @field_validator("url")
    @classmethod
    def _has_a_scheme(cls, url: str) -> str:
        if "://" not in url:
            raise ValueError(f"{url} has no scheme")
        return url

    @model_validator(mode="after")
    def _is_quiet(self) -> Self:
        if self.loud and self.count > 10:
            raise ValueError(f"count = {self.count} is too many while loud, with {self.url}")
        return self


class SampleConnector(Connector[SampleConfig]):
    """Does nothing."""

    Config = SampleConfig

    async def receive(self) -> Sequence[Message]:
        return []


CONNECTORS: Mapping[str, type[Connector[Any]]] = {"sample": SampleConnector, "other": SampleConnector}

SOURCE = """
[sources.demo]
channel = "demo"
[sources.demo.sample]
"""


def read(text: str, **environ: str) -> Config:
    """The configuration in `text`."""
    return load(text, CONNECTORS, environ=environ, file="gateway.toml")


def problems(text: str, **environ: str) -> list[str]:
    """What is wrong with it, without the name of the file."""
    with pytest.raises(ConfigError) as caught:
        read(text, **environ)
    assert all(line.startswith("gateway.toml: ") for line in caught.value.problems)
    return [line.removeprefix("gateway.toml: ") for line in caught.value.problems]
