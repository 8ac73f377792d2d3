"""The table `[sources.NAME.kafka]`."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from sse_gateway.connector import ConnectorConfig, Duration, InvalidValue, Size, TlsConfig, parse_start

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
"""What a broker takes as the name of a topic."""

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
    """Who we are. OAUTHBEARER takes a token from a file, or fetches one with the client's credentials."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = "SCRAM-SHA-512"
    """How to sign in; the strongest of passwords' own."""
    username: str | None = None
    """The user of PLAIN and SCRAM."""
    password: SecretStr | None = None
    """The user's password."""
    token_file: str | None = None
    """OAUTHBEARER: a file that holds the token; read again for every connection."""
    token_url: str | None = None
    """OAUTHBEARER: where the credentials of a client are exchanged for a token."""
    client_id: str | None = None
    """OAUTHBEARER: the client."""
    client_secret: SecretStr | None = None
    """OAUTHBEARER: its secret."""
    scope: str | None = None
    """OAUTHBEARER: the scope to ask for."""

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

    servers: Annotated[tuple[Annotated[str, AfterValidator(_with_port)], ...], Field(strict=False)] = Field(
        min_length=1
    )
    """Where to find the cluster: "host:port" of some of its brokers; one that answers is enough."""
    topics: Annotated[tuple[Annotated[str, AfterValidator(_topic)], ...], Field(strict=False)] = ()
    """The topics to read. All of them have to be there."""
    pattern: str | None = None
    """Instead of `topics`: a regular expression over whole names; topics may come and go."""
    mode: Literal["assign", "group"] = "assign"
    """assign: every replica reads everything. group: the members of a group share the messages."""
    group: str | None = Field(default=None, min_length=1)
    """The consumer group, for `mode = "group"`."""
    single_replica: bool = False
    """This gateway is the only replica, as `mode = "group"` demands: others would miss events."""
    start: str = "latest"
    """Where a new reader begins: "latest", "earliest", a time ("2026-01-31T12:00:00Z"), or "10m" ago."""
    batch: int = Field(default=250, ge=1, le=500)
    """Messages of one batch; 100 hold the loop for 12 ms at most, 250 for 25 ms, no bound for 216 ms."""
    fetch_bytes: Size = Field(default="1MiB", validate_default=True, ge=1)
    """Bytes of one partition in one answer; a larger message still comes, alone. Kafka's own."""
    fetch_total: Size = Field(default="8MiB", validate_default=True, ge=1)
    """Bytes of all partitions in one answer of one broker; Kafka's 50 MiB is memory of ours."""
    fetch_wait: Duration = Field(default="500ms", validate_default=True, gt=0)
    """How long a broker holds a request open for messages to come. Kafka's own."""
    committed: bool = True
    """Read committed transactions only; an open one then holds up what follows it in its partition."""
    refresh: Duration = Field(default="30s", validate_default=True, ge=0.1)
    """How often partitions, topics of a pattern and the identity of topics are looked up."""
    timeout: Duration = Field(default="10s", validate_default=True, ge=1)
    """How long a broker may be silent, in connecting, answering or fetching, before the line is lost."""
    session: Duration = Field(default="10s", validate_default=True, ge=0.5)
    """How long a group waits for a member that is silent before others get its partitions. Kafka's own."""
    commit_interval: Duration = Field(default="1s", validate_default=True)
    """How often a group's place is written while messages come, as the Java client's 5 s."""
    epoch: str = ""
    """A word that is part of the history's identity: change it to declare the history a new one."""
    client_id: str = "sse-gateway"
    """How the brokers' logs and quotas know us."""
    tls: TlsConfig | None = None
    """Connect by TLS; `{}` trusts the system's authorities."""
    sasl: SaslConfig | None = None
    """Sign in."""

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
            raise InvalidValue(f"expected a regular expression; it breaks at character {place}") from None
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
                'mode = "group" hands each message to one replica: single_replica = true says that there is only one'
            )
        for name in _OF_GROUPS & self.model_fields_set if self.mode == "assign" else ():
            raise InvalidValue(f'`{name}` belongs to mode = "group"')
        if self.fetch_wait >= self.timeout:
            raise InvalidValue("fetch_wait must be shorter than timeout", "fetch_wait", "timeout")
        return self
