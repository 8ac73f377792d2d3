"""The contract between the gateway and a connector.

A connector connects once, receives batches and says when the line is lost. The gateway reconnects, backs off, and does
health, metrics and logging, so a connector uses its library's plain connection and does not retry.

`sse_gateway.testing.ConnectorContract` is the suite of tests for these rules.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType, TracebackType
from typing import Annotated, Any, ClassVar, Generic, Protocol, Self, TypeVar, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field
from starlette.routing import BaseRoute

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a source yields, before it is mapped to an event."""

    body: bytes
    """The payload as it came, undecoded."""
    key: str = ""
    """Kafka key, AMQP routing key, webhook path parameter."""
    headers: Mapping[str, str] = field(default_factory=lambda: _NONE)
    """Names in lower case."""
    path: Mapping[str, str] = field(default_factory=lambda: _NONE)
    """Path parameters of a webhook."""
    partition: str = ""
    """Its name in an event id, `[0-9a-z]{0,8}`; empty where the upstream has none."""
    offset: int | None = None
    """Rises within a partition; None where the upstream has none."""
    id: str | None = None
    """The producer's own unique id (message_id, webhook-id, ce-id), if any."""
    timestamp: float | None = None
    """The upstream's clock, in seconds since 1970."""
    deleted: bool = False
    """The upstream says that `key` was deleted (a tombstone of a compacted topic); there is no body. It becomes an event of
    type `delete` whose data is the key, whatever the templates of the source say."""
    receipt: Any = None
    """The connector's own handle for `ack`."""


class ConnectorConfig(BaseModel):
    """The table `[sources.NAME.CONNECTOR]`: strict, frozen, unknown keys refused. Each field has a description: the
    docstring below it, on one line, or `Field(description=...)`."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        hide_input_in_errors=True,
        validate_default=True,
        use_attribute_docstrings=True,
    )


Strings = Annotated[tuple[str, ...], Field(strict=False)]
"""An array of strings in a configuration: TOML has lists only, a frozen table keeps a tuple."""

ConfigT = TypeVar("ConfigT", bound=ConnectorConfig)


class Connector(ABC, Generic[ConfigT]):
    """One upstream. One object serves one source for the life of the gateway. It is entered again for every attempt to
    connect, never twice at once, so `__aenter__` must keep nothing of the attempt before.

    Every exception of the client library is translated, in one table: `SourceUnavailable` (also for a wrong password or
    a missing topic, which can be fixed while the gateway runs), `EndOfStream`, `OffsetExpired`. Any other exception is
    a bug: the gateway logs its traceback, drains and exits.
    """

    Config: ClassVar[type[ConnectorConfig]]
    """The model of the connector's own table."""

    lossy: bool = False
    """True where the upstream drops what comes while nobody is connected: a reconnect is then a break in the log. Read
    after each `__aenter__`, which may set it."""

    epoch: str = ""
    """The history that the offsets belong to, valid inside the context: equal on all replicas, another one after a topic
    was recreated. Empty where messages have no offsets: the gateway then counts, and its process is the epoch."""

    tally: Counter[str]
    """What the connector refused, dropped or met, by kind: exported as `sse_gateway_source_tally_total`."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "offsets" in cls.__dict__:
            cls.positions = cls.offsets  # type: ignore[method-assign]
        elif "positions" in cls.__dict__:
            cls.offsets = cls.positions  # type: ignore[method-assign]

    def __init__(self, config: ConfigT, *, name: str) -> None:
        self.config = config
        self.name = name
        self.tally = Counter()

    @classmethod
    def build(cls, config: ConfigT, name: str) -> Connector[Any]:
        """The connector of the source `name`. The gateway makes every connector by this method. Override it to choose the
        class by the options: what a connector can do, such as `replay`, depends on the methods of its class."""
        return cls(config, name=name)

    async def __aenter__(self) -> Self:
        """Connect and start to consume. If it raises or is cancelled, it has released everything that it opened.

        Raises:
            SourceUnavailable: the upstream is away, or refuses the client.
            OffsetExpired: a replay starts below what the upstream still holds.
        """
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Disconnect. The upstream may deliver again what was not acknowledged."""
        return None

    @abstractmethod
    async def receive(self) -> Sequence[Message]:
        """Wait for one message or more and return them, in order within each partition. May return none, when only
        `offsets()` moved. Cancelling it loses no message: the next call returns what was taken.

        Raises:
            SourceUnavailable: the line is lost.
            EndOfStream: nothing more will come.
            OffsetExpired: the upstream has dropped what comes next.
        """

    async def ack(self, message: Message) -> None:
        """`message` and all received before it are in the log. Called after each batch, with its last message.

        Raises:
            SourceUnavailable: the line is lost.
        """
        return None

    async def check(self) -> None:
        """Ask the upstream whether it works. Called from time to time while the source is quiet.

        Raises:
            SourceUnavailable: it does not.
        """
        return None

    def offsets(self) -> Mapping[str, int]:
        """The next offset to be read of every partition, valid after `__aenter__` and after each `receive()`. It may move
        without a message (control records, compaction). Empty where messages have no offsets."""
        return {}

    def positions(self) -> Mapping[str, int]:
        """The older name of `offsets()`. A connector that defines one of the two gets the other."""
        return {}


@runtime_checkable
class Replayable(Protocol):
    """A connector whose upstream keeps a history that can be read again."""

    def replay(self, start: Mapping[str, int], stop: Mapping[str, int] | None = None) -> Connector[Any]:
        """A connector of the same source that reads from `start`, the first offset wanted of each partition. A partition
        that `start` does not name is read from its earliest offset. With `stop` it reads up to but not including those
        offsets, and then raises `EndOfStream`; otherwise it has no end."""
        ...

    async def bounds(self) -> Mapping[str, tuple[int, int]]:
        """The earliest offset that is held and the next to be written, for each partition. Works outside the context.

        Raises:
            SourceUnavailable: the upstream is away.
        """
        ...

    async def offsets_at(self, timestamp: float) -> Mapping[str, int]:
        """The first offset at or after `timestamp` (seconds since 1970) of each partition. Works outside the context.

        Raises:
            SourceUnavailable: the upstream is away.
        """
        ...


@runtime_checkable
class Mountable(Protocol):
    """A connector that is served by the gateway's public server, as webhooks are."""

    def routes(self) -> Sequence[BaseRoute]:
        """Its routes, asked for outside the context: once at start, and before that to check that their paths are free.
        They answer 503 while the connector is not entered."""
        ...


@runtime_checkable
class Publishable(Protocol):
    """A connector that can carry another source's messages."""

    async def publish(self, message: Message) -> None:
        """Send `message` to the upstream. Returns when the upstream has confirmed it. Called inside the context.

        Raises:
            SourceUnavailable: it did not, or no queue or topic accepted it.
        """
        ...


@runtime_checkable
class Rejectable(Protocol):
    """A connector that can tell its upstream which messages could not be mapped, for brokers with dead letters."""

    async def reject(self, message: Message) -> None:
        """`message` cannot become an event. Called before the `ack` that covers it, which must then leave it out. If a
        connector has no such method, the message is acknowledged like any other.

        Raises:
            SourceUnavailable: the line is lost.
        """
        ...
