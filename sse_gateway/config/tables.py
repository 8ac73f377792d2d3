"""The tables of the file, each as a frozen model. The text below a key is also what the docs and the JSON Schema say of it."""

from __future__ import annotations

from functools import partial
from ipaddress import ip_network
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from ..connector import ConnectorConfig, Strings, check_path, path_pattern
from ..errors import InvalidValue
from ..templates import CHANNEL, Template
from ..units import Duration, Size

_MESSAGE = ("key", "source", "timestamp", "headers.", "json.", "path.")
_REQUEST = ("path.", "query.")


class Table(BaseModel):
    """A table of the file: strict, frozen, unknown keys refused. The text below a field is its description."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        hide_input_in_errors=True,
        validate_default=True,
        arbitrary_types_allowed=True,
        use_attribute_docstrings=True,
    )


def _template(value: object, allowed: tuple[str, ...], *, composite: bool = False) -> object:
    return Template(value, allowed, composite=composite) if isinstance(value, str) else value


def _channel(value: object, allowed: tuple[str, ...]) -> object:
    template = _template(value, allowed)
    if isinstance(template, Template):
        literal = "".join(template.literals)
        if not template.text or (literal and not CHANNEL.fullmatch(literal)):
            raise InvalidValue(
                "expected 1 to 200 letters, digits and ._:~@=+- beside the fields, as in a channel's name"
            )
    return template


_AS_STRING = WithJsonSchema({"type": "string", "examples": ["orders.{key}"]})

ChannelTemplate = Annotated[Template, BeforeValidator(partial(_channel, allowed=_MESSAGE)), _AS_STRING]
"""A channel's name, over the fields of a message."""

RouteChannel = Annotated[Template, BeforeValidator(partial(_channel, allowed=_REQUEST)), _AS_STRING]
"""A channel's name, over the path and the query of a request."""

TextTemplate = Annotated[Template, BeforeValidator(partial(_template, allowed=_MESSAGE)), _AS_STRING]
"""One line of text, over the fields of a message."""

DataTemplate = Annotated[
    Template, BeforeValidator(partial(_template, allowed=(*_MESSAGE, "json"), composite=True)), _AS_STRING
]
"""Text over the fields of a message, which may be objects and arrays of its JSON."""


def _network(address: str) -> str:
    try:
        ip_network(address, strict=False)
    except ValueError:
        raise InvalidValue('expected an address or a network, such as "10.0.0.0/8"') from None
    return address


class ServerConfig(Table):
    """`[server]`: the public server, for the routes and the webhooks."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen on. Use "0.0.0.0" or "::" to accept connections from other machines."""
    port: int = Field(default=8080, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    try_page: bool = False
    """Serve a page at / for trying the routes in a browser."""
    trusted_proxies: Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], Field(strict=False)] = ()
    """Addresses or networks of proxies whose X-Forwarded-For is used. From all others it is ignored."""


class AdminConfig(Table):
    """`[admin]`: health and metrics, on a separate port so that they are never public by accident."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen on."""
    port: int = Field(default=9090, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""


class LogsConfig(Table):
    """`[logs]`: the gateway's own log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Minimum level that is written. No level writes a line per event."""
    format: Literal["text", "json"] = "text"
    """Write lines for people ("text") or one JSON object per line for log collectors ("json")."""


class BufferConfig(Table):
    """`limits.client_buffer`: how far a client may fall behind. It costs no memory: the events are in the logs."""

    events: int = Field(default=1000, ge=1)
    """How many events a client may lag behind, as many as Mercure buffers."""
    bytes: Size = Field(default="1MiB", validate_default=True, ge=1)
    """How many bytes a client may lag behind."""


class LimitsConfig(Table):
    """`[limits]`: what clients may use. A client beyond a limit is told to reconnect, or is disconnected and can resume."""

    clients: int = Field(default=10_000, ge=1)
    """Maximum number of open streams. An idle one takes about 20 KB."""
    clients_per_address: int | None = Field(default=None, ge=1)
    """Maximum number of open streams from one address (IPv6: one /64). Without it there is no limit."""
    client_buffer: BufferConfig = Field(default_factory=BufferConfig)
    """How far a client may fall behind."""
    slow_client: Literal["disconnect"] = "disconnect"
    """What happens to a client that exceeds `client_buffer`: it is disconnected and can resume from its last id."""
    send_timeout: Duration = Field(default="30s", validate_default=True, gt=0)
    """How long a write may take before the client is disconnected; Mercure waits 5 s, nginx 60 s."""
    heartbeat: Duration = Field(default="15s", validate_default=True, gt=0)
    """A stream without events for this long gets a heartbeat; the HTML standard advises about 15 s."""
    retry: Duration = Field(default="3s", validate_default=True, ge=0)
    """How long a client waits before it reconnects, with jitter; browsers wait 3 s by default."""
    lifetime: Duration | None = Field(default=None, gt=0)
    """Age, with jitter, at which a stream is closed and its client reconnects. Without it there is no limit."""
    max_id: Size = Field(default="1KiB", validate_default=True, ge=1)
    """An event id longer than this is sent once per write instead of with each event."""
    channels: int = Field(default=64, ge=1)
    """Maximum number of channels that one stream may ask for."""


class DrainConfig(Table):
    """`[drain]`: the staged shutdown after SIGTERM or SIGINT. The defaults fit into the 30 s that Kubernetes allows."""

    delay: Duration = Field(default="5s", validate_default=True, ge=0)
    """How long the gateway still serves while it is already unready, so that load balancers remove it."""
    spread: Duration = Field(default="10s", validate_default=True, ge=0)
    """How long disconnecting the clients takes, so that they do not all reconnect at once."""
    timeout: Duration = Field(default="25s", validate_default=True, gt=0)
    """Maximum duration of the whole drain. Then the process exits, whatever is still open."""
    retry: Duration = Field(
        default="3s",
        validate_default=True,
        ge=0,
        description="How long a disconnected client waits before it reconnects. With a single replica, set it longer than "
        "a restart takes: browsers stop reconnecting after a proxy's 502, and Firefox, on a page of another origin, also "
        "after a refused connection.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.delay + self.spread >= self.timeout:
            words = "delay and spread leave no time within timeout: raise timeout, or lower one of them"
            raise InvalidValue(words, "delay", "spread", "timeout")
        return self


class LogConfig(Table):
    """`[sources.NAME.log]`: the recent history, kept in memory. When it exceeds a limit, the oldest events are dropped."""

    max_events: int = Field(default=10_000, ge=1)
    """Maximum number of events; at least `limits.client_buffer.events`."""
    max_bytes: Size = Field(default="16MiB", validate_default=True, ge=1)
    """Maximum size of the events; at least `limits.client_buffer.bytes`."""
    max_age: Duration = Field(default="10m", validate_default=True, gt=0)
    """How long an event is kept. A client that returns within this time misses nothing."""


class SourceTable(Table):
    """`[sources.NAME]`, without the table of its connector."""

    channel: ChannelTemplate
    """The channel of an event, such as `orders.{key}`."""
    event: TextTemplate | None = None
    """The type of an event, sent as `event:`. Without it, browsers see a plain message."""
    id: TextTemplate | None = None
    """The producer's own id of a message. Without it, the upstream's id is used, if any."""
    data: DataTemplate | None = None
    """The data of an event. Without it, the unchanged body."""
    encoding: Literal["text", "json", "base64"] = "text"
    """How a body becomes data: "text" (UTF-8), "json" (checked and written on one line) or "base64"."""
    on_invalid: Literal["drop", "replace", "base64"] = "drop"
    """What happens to a body that does not match `encoding`. Each is counted; "replace" writes U+FFFD."""
    max_event: Size = Field(default="256KiB", validate_default=True, ge=1)
    """Maximum size of an event's data. Larger ones are dropped and counted. A quarter of `limits.client_buffer.bytes`."""
    required: bool = False
    """true: the gateway is unready whenever this source is down. false: only until it has been up once."""
    log: LogConfig = Field(default_factory=LogConfig)
    """The recent history, kept in memory."""


class SourceConfig(SourceTable):
    """One source, with its name and the table of its connector."""

    name: str
    connector: str
    """The name of its connector, as its table is called."""
    options: SerializeAsAny[ConnectorConfig]
    """The connector's own table."""


class RouteConfig(Table):
    """`[[routes]]`: a path of the public server that serves one or more channels."""

    path: str
    """The path, such as "/events/orders/{id}". A parameter such as `{name:int}` accepts only numbers."""
    channels: Annotated[tuple[RouteChannel, ...], Field(strict=False, min_length=1)]
    """The channels that are served, as templates over `{path.NAME}` and `{query.NAME}`."""
    repeated: Strings = ()
    """Query parameters that may occur several times. Each value adds a channel."""
    busy: Literal["retry", "status"] = Field(
        default="retry",
        description='What a client gets when a limit is reached: a stream that tells it to reconnect later ("retry"), or '
        '503 or 429 ("status"), after which an EventSource never reconnects.',
    )

    @field_validator("path")
    @classmethod
    def _is_a_route(cls, path: str) -> str:
        check_path(path)
        return path

    @model_validator(mode="after")
    def _parameters_exist(self) -> Self:
        names = [name for channel in self.channels for name in channel.names]
        if {name.removeprefix("path.") for name in names if name.startswith("path.")} - self.parameters:
            raise InvalidValue("channels use a path parameter that path does not have", "channels", "path")
        if any(f"query.{name}" not in names for name in self.repeated):
            raise InvalidValue("repeated names a query parameter that channels do not use", "repeated", "channels")
        return self

    @property
    def parameters(self) -> frozenset[str]:
        """The names of the path's parameters."""
        return check_path(self.path)

    @property
    def pattern(self) -> str:
        """The path without the names of its parameters."""
        return path_pattern(self.path)
