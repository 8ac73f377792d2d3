"""The table `[sources.NAME.rabbitmq]`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import BeforeValidator, Field, SecretStr, WithJsonSchema, field_validator, model_validator

from sse_gateway.connector import ConnectorConfig, Duration, InvalidValue, Strings, TlsConfig, parse_start

Arguments = dict[str, str | int | float | bool]

Offset = str | int | datetime
"""A value of the consumer's argument `x-stream-offset`: a name, an offset, a time, or a duration back such as "600s"."""

_PORTS = {"amqp": 5672, "amqps": 5671}
_EXAMPLE = "amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps:// for TLS"

_OF_MODE = {
    "exchange": ("exchange", "routing_keys", "headers", "match", "bindings", "queue_arguments"),
    "stream": ("stream", "start", "epoch"),
    "queue": ("queue", "single_replica"),
}


def _start(value: object) -> Offset:
    start = parse_start(value, "next", "last", "first", offsets=True)
    return f"{max(1, round(start.total_seconds()))}s" if isinstance(start, timedelta) else start


_START_SCHEMA = {
    "anyOf": [{"type": "string"}, {"type": "integer"}],
    "examples": ["next", "first", 0, "10m", "2026-01-31T12:00:00Z"],
}


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a broker and the credentials for it: the parts of an AMQP URL, unquoted."""

    host: str
    port: int
    vhost: str
    tls: bool
    username: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def place(self) -> str:
        """The parts that may be shown: host, port and virtual host."""
        return f"{self.host}:{self.port} (virtual host {self.vhost!r})"

    @classmethod
    def parse(cls, url: str) -> Address:
        """Raises InvalidValue. Its text holds nothing of the URL, which may hold a password."""
        try:
            parts = urlsplit(url)
            port = parts.port  # the property checks the number
        except ValueError:
            escaped = '"/", "@" and ":" in a password are written %2F, %40 and %3A'
            raise InvalidValue(f"expected {_EXAMPLE}; {escaped}") from None
        if parts.scheme not in _PORTS or not parts.hostname:
            raise InvalidValue(f"expected {_EXAMPLE}")
        if parts.query or parts.fragment:
            raise InvalidValue(
                'the part after "?" or "#" is not read: write options into the table, and "%3F" or "%23"'
            )
        return cls(
            host=parts.hostname,
            port=port or _PORTS[parts.scheme],
            vhost=unquote(parts.path[1:]) or "/",
            tls=parts.scheme == "amqps",
            username=unquote(parts.username or "guest"),
            password=unquote(parts.password or "guest"),
        )


class DeclareConfig(ConnectorConfig):
    """Declare the exchange, stream or queue if it does not exist. If it exists, it must have these properties."""

    type: str | None = None
    """Type of an exchange: "direct", "topic" (default), "fanout", "headers" or a plugin's."""
    durable: bool = True
    """It survives a restart of the broker. Streams always do."""
    auto_delete: bool = False
    """The broker deletes it when it is no longer used."""
    arguments: Arguments = {}
    """Its arguments, such as { x-max-age = "7D" }."""


class BindingConfig(ConnectorConfig):
    """One exchange, and which of its messages are read."""

    exchange: str = Field(min_length=1)
    """The exchange."""
    routing_keys: Strings = Field(default=("#",), min_length=1)
    """Like the option of the same name beside `bindings`."""
    headers: Arguments = {}
    """Like the option of the same name beside `bindings`."""
    match: Literal["all", "any"] = "all"
    """Like the option of the same name beside `bindings`."""
    declare: DeclareConfig | None = None
    """Declare this exchange if it does not exist."""


class RabbitMQConfig(ConnectorConfig):
    """A RabbitMQ broker, and what is read from it."""

    url: SecretStr
    """The broker, as amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps:// for TLS."""
    password: SecretStr | None = None
    """The password, in place of the one in `url`. Nothing in it needs to be escaped."""
    authentication: Literal["plain", "external"] = "plain"
    """How the gateway authenticates: "external" uses only the client certificate."""
    tls: TlsConfig | None = None
    """Certificates, for amqps://."""
    mode: Literal["exchange", "stream", "queue"] = "exchange"
    """exchange: every replica reads what comes while it is connected. stream: also the history. queue: only one replica."""
    exchange: str | None = Field(default=None, min_length=1)
    """The exchange to read."""
    routing_keys: Strings = Field(default=("#",), min_length=1)
    """Keys to bind with. "#" matches everything in a topic or fanout exchange, and nothing in a direct one."""
    headers: Arguments = {}
    """The headers to match, for a headers exchange."""
    match: Literal["all", "any"] = "all"
    """Whether all of `headers` must match, or any."""
    bindings: Annotated[tuple[BindingConfig, ...], Field(strict=False)] = ()
    """Several exchanges, in place of `exchange`: a list of tables with the options above."""
    queue_arguments: Arguments = {}
    """Arguments of the queue that the gateway declares, such as { x-dead-letter-exchange = "failed" }."""
    stream: str | None = Field(default=None, min_length=1)
    """The stream to read."""
    start: Annotated[Offset, BeforeValidator(_start), WithJsonSchema(_START_SCHEMA)] = "next"
    """Where a new reader begins: "next", "last" (batch), "first", an offset, a time, or a duration back such as "10m"."""
    epoch: str | None = Field(default=None, min_length=1)
    """A name for the stream's history. Change it if the stream was recreated while no gateway ran."""
    queue: str | None = Field(default=None, min_length=1)
    """The queue to read."""
    single_replica: bool = False
    """This gateway is the only replica. Required by `mode = "queue"`."""
    declare: DeclareConfig | None = None
    """Declare what is read if it does not exist. Without this table it must exist."""
    publish_exchange: str | None = Field(default=None, min_length=1)
    """The exchange to which messages of other sources are published. Without it, they go to what is read."""
    publish_timeout: Duration = Field(default="10s", validate_default=True)
    """Time for the broker to confirm a message."""
    prefetch: int = Field(default=500, ge=1, le=65535)
    """Messages in transit at once. More than 500 do not raise the rate (measured)."""
    heartbeat: Duration = Field(default="10s", validate_default=True, ge=1, le=3600)
    """A connection that is silent for three times as long is lost. RabbitMQ recommends 5 to 20 s."""
    connect_timeout: Duration = Field(default="10s", validate_default=True, gt=0)
    """Time to connect and to begin to consume."""

    @property
    def address(self) -> Address:
        """The broker that `url` names."""
        return Address.parse(self.url.get_secret_value())

    @property
    def exchanges(self) -> tuple[BindingConfig, ...]:
        """What to bind to, in mode "exchange"."""
        if self.exchange is None:
            return self.bindings
        return (BindingConfig(**{name: getattr(self, name) for name in BindingConfig.model_fields}),)

    @property
    def target(self) -> str:
        """What is read, in words."""
        if self.mode == "exchange":
            return "exchange " + ", ".join(repr(binding.exchange) for binding in self.exchanges)
        return f"{self.mode} {self.stream or self.queue!r}"

    @property
    def publishes_to(self) -> tuple[str, str | None]:
        """The exchange, and the routing key if it is not the key of the message."""
        if self.publish_exchange is not None:
            return self.publish_exchange, None
        if self.mode == "exchange":
            return self.exchanges[0].exchange, None
        return "", self.stream or self.queue

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: SecretStr) -> SecretStr:
        Address.parse(url.get_secret_value())
        return url

    @model_validator(mode="after")
    def _is_of_one_mode(self) -> Self:
        for mode, names in _OF_MODE.items():
            for name in names:
                if mode != self.mode and name in self.model_fields_set:
                    raise InvalidValue(f'`{name}` belongs to mode = "{mode}"', "mode")
        if self.mode == "exchange":
            return self._checked_exchanges()
        if getattr(self, self.mode) is None:
            raise InvalidValue("mode needs the key with its name", "mode")
        if self.declare is not None and self.declare.type is not None:
            raise InvalidValue("declare.type is the type of an exchange", "mode")
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.mode == "queue" and not self.single_replica:
            text = "a queue gives each message to only one replica: set single_replica = true if this is the only one,"
            raise InvalidValue(f'{text} or use mode = "exchange" or "stream"')
        if self.tls is not None and not self.address.tls:
            raise InvalidValue("tls is for a url that begins with amqps://")
        if self.authentication == "external" and (self.tls is None or self.tls.certificate is None):
            raise InvalidValue('authentication = "external" needs tls.certificate')
        return self

    def _checked_exchanges(self) -> Self:
        if (self.exchange is None) == (not self.bindings):
            raise InvalidValue('mode = "exchange" needs either exchange = "..." or bindings = [{ exchange = "..." }]')
        mixed = BindingConfig.model_fields.keys() & self.model_fields_set
        if self.bindings and mixed:
            raise InvalidValue(f"with bindings, `{min(mixed)}` is written in each of them")
        for binding in self.exchanges:
            if binding.declare is not None and binding.declare.type == "direct" and binding.routing_keys == ("#",):
                raise InvalidValue('a direct exchange does not match "#": write its routing_keys')
        return self
