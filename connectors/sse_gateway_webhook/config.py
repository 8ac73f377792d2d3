"""The table `[sources.NAME.webhook]`."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from sse_gateway.connector import ConnectorConfig, Duration, InvalidValue, Size, Strings, check_path

OVERHEAD = 512
"""Bytes that a message takes beside its body (measured: 270 on CPython 3.11, with an id of 40 characters; twice)."""


class HmacConfig(ConnectorConfig):
    """How a sender without a preset signs: a MAC over the raw body, as text in one header."""

    header: str = Field(min_length=1)
    """The header that holds the signature."""
    algorithm: Literal["sha1", "sha256", "sha384", "sha512"] = "sha256"
    """The hash."""
    encoding: Literal["hex", "base64"] = "hex"
    """How the signature is written."""
    prefix: str = ""
    """What stands before the signature in the header, such as "sha256="."""


class PendingConfig(ConnectorConfig):
    """Bounds of what is being read or waits for the log. Beyond them senders get 503 and come again."""

    bodies: int = Field(default=1000, ge=1)
    """Bodies at once; 1000 come in 0.2 s at the full rate (measured)."""
    bytes: Size = Field(default="16MiB", validate_default=True)
    """Their bytes; as many as a log holds."""


class DedupeConfig(ConnectorConfig):
    """The window in which a delivery id that was taken is not taken again. It is held in memory, by each replica."""

    window: Duration = Field(default="24h", validate_default=True)
    """How long an id is kept; it covers a day of retries."""
    entries: int = Field(default=100_000, ge=0)
    """Ids at most; 100,000 take 18 MB (measured)."""


class HandshakeConfig(ConnectorConfig):
    """Senders of CloudEvents that ask by OPTIONS before they deliver, and are told yes."""

    origins: Strings = Field(min_length=1)
    """Values of WebHook-Request-Origin; "*" stands for all."""
    rate: int | None = Field(default=None, ge=1)
    """Requests per minute asked of them; without it, any rate."""


class WebhookConfig(ConnectorConfig):
    """A path of the public server that takes POST and PUT."""

    path: str
    """The path, such as "/hooks/{tenant}"; its parameters are {path.NAME} in templates."""
    key: str = "key"
    """The path parameter that is the key of a message, if the path has it."""
    signature: Literal["github", "stripe", "slack", "shopify", "standard", "hmac", "bearer", "none"] = "none"
    """Who signs, and so how a request is proved."""
    secrets: Annotated[tuple[SecretStr, ...], Field(strict=False)] = ()
    """Secrets of the signature. Any may match, so they can be rotated."""
    tolerance: Duration = Field(default="5m", validate_default=True)
    """How far a signed timestamp may lie from our clock; Stripe, Slack and Standard Webhooks advise 5m."""
    hmac: HmacConfig | None = None
    """How to sign, for signature = "hmac"."""
    id_header: str | None = Field(default=None, min_length=1)
    """The header with the delivery id; a preset knows its own."""
    arrays: bool = False
    """A JSON array is many events, one for each element."""
    max_body: Size = Field(default="256KiB", validate_default=True, ge=1)
    """Bytes of a body; beyond it 413. The same as max_event: what is answered 202 is not dropped later."""
    max_events: int = Field(default=1000, ge=1)
    """Events in one body; beyond it 413. 1000 is the buffer of a client."""
    body_timeout: Duration = Field(default="20s", validate_default=True, gt=0)
    """Time for a body to come, as in Apache's mod_reqtimeout; then 408."""
    pending: PendingConfig = PendingConfig()
    """What may wait to be appended."""
    dedupe: DedupeConfig = DedupeConfig()
    """How long delivery ids are remembered."""
    handshake: HandshakeConfig | None = None
    """The OPTIONS handshake of CloudEvents."""

    @field_validator("path")
    @classmethod
    def _is_a_route(cls, path: str) -> str:
        check_path(path)
        return path

    @field_validator("secrets")
    @classmethod
    def _are_not_empty(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all(secret.get_secret_value() for secret in secrets):
            raise InvalidValue("a secret is empty: anybody could sign with it")
        return secrets

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.signature == "none" and self.secrets:
            raise InvalidValue('secrets without a signature: say which, as signature = "github"')
        if self.signature != "none" and not self.secrets:
            raise InvalidValue('this signature needs secrets = ["..."]', "signature")
        if (self.signature == "hmac") != (self.hmac is not None):
            raise InvalidValue('signature = "hmac" and the table hmac = { header = "..." } go together')
        if self.signature == "standard":
            for secret in self.secrets:
                standard_key(secret)
        return self

    @model_validator(mode="after")
    def _key_is_in_the_path(self) -> Self:
        if "key" in self.model_fields_set and self.key not in check_path(self.path):
            raise InvalidValue("key is not a parameter of path", "key", "path")
        return self

    @model_validator(mode="after")
    def _one_body_fits(self) -> Self:
        if self.pending.bytes < self.max_body + self.max_events * OVERHEAD:
            words = f"pending.bytes must be at least max_body, and {OVERHEAD} B more for each of max_events"
            raise InvalidValue(words, "pending.bytes", "max_body", "max_events")
        return self


def standard_key(secret: SecretStr) -> bytes:
    """The key in a secret of Standard Webhooks: base64, with or without "whsec_" before it. Raises InvalidValue else."""
    text = secret.get_secret_value().removeprefix("whsec_")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise InvalidValue('a secret of signature = "standard" is base64, with or without "whsec_" before it') from None
    return key
