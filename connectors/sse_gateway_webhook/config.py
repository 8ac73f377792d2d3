"""The table `[sources.NAME.webhook]`."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from sse_gateway.connector import ConnectorConfig, Duration, InvalidValue, Size, Strings, check_path

OVERHEAD = 512
"""Bytes of memory that a message takes in addition to its body: about twice the 270 measured on CPython 3.11."""


class HmacConfig(ConnectorConfig):
    """How a sender without a preset signs: with an HMAC of the raw body in one header."""

    header: str = Field(min_length=1)
    """The header that holds the signature."""
    algorithm: Literal["sha1", "sha256", "sha384", "sha512"] = "sha256"
    """The hash algorithm."""
    encoding: Literal["hex", "base64"] = "hex"
    """The encoding of the signature."""
    prefix: str = ""
    """Text before the signature in the header, such as "sha256="."""


class PendingConfig(ConnectorConfig):
    """Bounds for bodies that are being read or wait for the log. Beyond them senders get 503 and retry."""

    bodies: int = Field(default=1000, ge=1)
    """Bodies at once. 1000 arrive within 0.2 s at the full rate (measured)."""
    bytes: Size = Field(default="16MiB", validate_default=True)
    """Bytes of all these bodies. The default is that of a log."""


class DedupeConfig(ConnectorConfig):
    """The window in which a repeated delivery id is ignored. Each replica holds its own in memory."""

    window: Duration = Field(default="24h", validate_default=True)
    """How long an id is remembered. The default covers a day of retries."""
    entries: int = Field(default=100_000, ge=0)
    """How many ids are remembered. 100,000 take 18 MB (measured)."""


class HandshakeConfig(ConnectorConfig):
    """Senders of CloudEvents that ask with OPTIONS whether they may deliver, and are allowed to."""

    origins: Strings = Field(min_length=1)
    """Allowed values of WebHook-Request-Origin; "*" allows all."""
    rate: int | None = Field(default=None, ge=1)
    """The requests per minute that are allowed; without it, any number."""


class WebhookConfig(ConnectorConfig):
    """A path of the public server that accepts POST and PUT."""

    path: str
    """The path, such as "/hooks/{tenant}"; its parameters are {path.NAME} in templates."""
    key: str = "key"
    """The path parameter whose value is the key of a message, if the path has it."""
    signature: Literal["github", "stripe", "slack", "shopify", "standard", "hmac", "bearer", "none"] = "none"
    """The signing scheme of the sender."""
    secrets: Annotated[tuple[SecretStr, ...], Field(strict=False)] = ()
    """Secrets of the signature. Any of them may match, so they can be rotated."""
    tolerance: Duration = Field(default="5m", validate_default=True)
    """How far a signed timestamp may differ from the clock. Stripe, Slack and Standard Webhooks recommend 5m."""
    hmac: HmacConfig | None = None
    """How the sender signs, for signature = "hmac"."""
    id_header: str | None = Field(default=None, min_length=1)
    """The header with the delivery id. A preset has its own."""
    arrays: bool = False
    """Make an event of each element of a JSON array."""
    max_body: Size = Field(default="256KiB", validate_default=True, ge=1)
    """Largest body; a larger one is answered 413. The default is that of max_event, so no accepted body is dropped later."""
    max_events: int = Field(default=1000, ge=1)
    """Most events in one body; more are answered 413. The default is that of a client's buffer."""
    body_timeout: Duration = Field(default="20s", validate_default=True, gt=0)
    """Time for a body to arrive; then 408. The default is that of Apache's mod_reqtimeout."""
    pending: PendingConfig = PendingConfig()
    """Bounds for bodies that are being read or wait for the log."""
    dedupe: DedupeConfig = DedupeConfig()
    """How long delivery ids are remembered, and how many."""
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
            raise InvalidValue('secrets need a signature, such as signature = "github"')
        if self.signature != "none" and not self.secrets:
            raise InvalidValue('this signature needs secrets = ["..."]', "signature")
        if (self.signature == "hmac") != (self.hmac is not None):
            raise InvalidValue('signature = "hmac" and the table hmac = { header = "..." } go together')
        if self.signature == "standard":
            for secret in self.secrets:
                standard_key(secret)
        if "key" in self.model_fields_set and self.key not in check_path(self.path):
            raise InvalidValue("key is not a parameter of path", "key", "path")
        if self.pending.bytes < self.max_body + self.max_events * OVERHEAD:  # one body must fit
            words = f"pending.bytes must be at least max_body, and {OVERHEAD} B more for each of max_events"
            raise InvalidValue(words, "pending.bytes", "max_body", "max_events")
        return self


def standard_key(secret: SecretStr) -> bytes:
    """The key in a secret of Standard Webhooks: base64, with or without "whsec_" before it. Raises InvalidValue."""
    text = secret.get_secret_value().removeprefix("whsec_")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise InvalidValue('a secret of signature = "standard" is base64, with or without "whsec_" before it') from None
    return key
