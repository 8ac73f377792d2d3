"""The table `[sources.NAME.kafka]`."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from sse_gateway.connector import ConnectorConfig, Duration, InvalidValue, Size, TlsConfig, parse_start

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
"""What a broker accepts as the name of a topic."""

_OF_GROUPS = frozenset({"single_replica", "session", "commit_interval"})


def _with_port(server: str) -> str:
    host, _, port = server.rpartition(":")
    if not host or not port.isdecimal():
        raise InvalidValue('expected "host:port"')
    return server


def _topic(name: str) -> str:
    if not _TOPIC.fullmatch(name):
        raise InvalidValue('expected 1 to 249 letters, digits, ".", "_" and "-"')
    return name


class SaslConfig(ConnectorConfig):
    """How the gateway authenticates. With OAUTHBEARER it reads a token from a file, or requests one as an OAuth client."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = "SCRAM-SHA-512"
    """The mechanism; the default is the strongest one with a password."""
    username: str | None = None
    """The user, for PLAIN and SCRAM."""
    password: SecretStr | None = None
    """The user's password."""
    token_file: str | None = None
    """OAUTHBEARER: a file with the token, read for every connection."""
    token_url: str | None = None
    """OAUTHBEARER: the URL from which a token is requested, with `client_id` and `client_secret`."""
    client_id: str | None = None
    """OAUTHBEARER: the id of the client."""
    client_secret: SecretStr | None = None
    """OAUTHBEARER: the secret of the client."""
    scope: str | None = None
    """OAUTHBEARER: the scope to request."""

    @field_validator("token_url")
    @classmethod
    def _is_http(cls, url: str | None) -> str | None:
        if url is not None and urlsplit(url).scheme not in ("http", "https"):
            raise InvalidValue("expected a URL that begins with https:// or http://")
        return url

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.mechanism != "OAUTHBEARER":
            if self.username is None or self.password is None:
                raise InvalidValue("this mechanism needs username and password", "mechanism")
        elif (self.token_file is None) == (self.token_url is None):
            raise InvalidValue('mechanism = "OAUTHBEARER" needs either token_file or token_url')
        elif self.token_url is not None and (self.client_id is None or self.client_secret is None):
            raise InvalidValue("token_url needs client_id and client_secret")
        return self


class KafkaConfig(ConnectorConfig):
    """Topics, and how to read them."""

    servers: Annotated[tuple[Annotated[str, AfterValidator(_with_port)], ...], Field(strict=False, min_length=1)]
    """Addresses of some brokers, as "host:port". One that answers is enough."""
    topics: Annotated[tuple[Annotated[str, AfterValidator(_topic)], ...], Field(strict=False)] = ()
    """The topics to read. All of them have to exist."""
    pattern: str | None = None
    """Instead of `topics`: a regular expression for whole names. Topics may come and go."""
    mode: Literal["assign", "group"] = "assign"
    """assign: every replica reads everything. group: the members of a consumer group share the messages."""
    group: str | None = Field(default=None, min_length=1)
    """The consumer group, for `mode = "group"`."""
    single_replica: bool = False
    """This gateway is the only replica. Required by `mode = "group"`, because other replicas would miss events."""
    start: str = "latest"
    """Where a new reader begins: "latest", "earliest", a time ("2026-01-31T12:00:00Z") or a duration back ("10m")."""
    batch: int = Field(default=250, ge=1, le=500)
    """Messages in one batch. 250 block the event loop for at most 25 ms, 100 for 12 ms (measured)."""
    fetch_bytes: Size = Field(default="1MiB", validate_default=True, ge=1)
    """Bytes of one partition in one answer; a larger message is sent alone. Kafka's default."""
    fetch_total: Size = Field(default="8MiB", validate_default=True, ge=1)
    """Bytes of all partitions in one answer of a broker. Kafka's default of 50 MiB would be held in memory."""
    fetch_wait: Duration = Field(default="500ms", validate_default=True, gt=0)
    """How long a broker waits for messages before it answers a request. Kafka's default."""
    committed: bool = True
    """Read only committed transactions. An open one then delays the messages after it in its partition."""
    refresh: Duration = Field(default="30s", validate_default=True, ge=0.1)
    """How often the topics, their partitions and their ids are looked up."""
    timeout: Duration = Field(default="10s", validate_default=True, ge=1)
    """How long a broker may be silent before the connection counts as lost."""
    session: Duration = Field(default="10s", validate_default=True, ge=0.5)
    """How long a silent member of a group keeps its partitions. The default of Kafka before 3.0."""
    commit_interval: Duration = Field(default="1s", validate_default=True)
    """How often a group's offsets are committed while messages come. The Java client commits every 5 s."""
    epoch: str = ""
    """Part of the identity of the history: change it to start a new history."""
    client_id: str = "sse-gateway"
    """The name of the gateway in the logs and quotas of the brokers."""
    tls: TlsConfig | None = None
    """Connect with TLS; `{}` trusts the system's authorities."""
    sasl: SaslConfig | None = None
    """How to authenticate."""

    @field_validator("topics")
    @classmethod
    def _differ(cls, topics: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(topics)) < len(topics):
            raise InvalidValue("a topic is named twice")
        return topics

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            place = (error.pos or 0) + 1
            raise InvalidValue(f"expected a regular expression; the error is at character {place}") from None
        return pattern

    @field_validator("start")
    @classmethod
    def _is_a_moment(cls, start: str) -> str:
        parse_start(start, "latest", "earliest")
        return start

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if bool(self.topics) == (self.pattern is not None):
            raise InvalidValue('either topics = ["..."] or pattern = "..."')
        if (self.mode == "group") != (self.group is not None):
            raise InvalidValue('mode = "group" and group = "..." go together')
        if self.mode == "group" and not self.single_replica:
            raise InvalidValue(
                'mode = "group" gives each message to only one replica, so it needs single_replica = true'
            )
        for name in _OF_GROUPS & self.model_fields_set if self.mode == "assign" else ():
            raise InvalidValue(f'`{name}` belongs to mode = "group"')
        if self.fetch_wait >= self.timeout:
            raise InvalidValue("fetch_wait must be shorter than timeout", "fetch_wait", "timeout")
        return self
