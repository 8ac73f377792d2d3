"""Proof that a request was sent by somebody who holds the secret. The raw body is proved, before it is parsed.

Each provider writes into its headers what a request claims. Two providers write the id of a delivery into the body.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import SecretStr

from .config import HmacConfig, WebhookConfig, standard_key
from .request import Refusal, unauthorized

SIGNATURE_HEADERS = frozenset(
    {
        "stripe-signature",
        "svix-signature",
        "webhook-signature",
        "x-hub-signature",
        "x-hub-signature-256",
        "x-shopify-hmac-sha256",
        "x-slack-signature",
    }
)
"""These headers are not part of a message, because they only prove a request."""

_BASE64 = frozenset({"shopify", "standard"})
_ID = {"slack": "event_id", "stripe": "id"}  # the member of the body that holds the delivery id


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The claim that one of `signatures`, in the provider's encoding, is the MAC of `prefix` and the body."""

    signatures: tuple[bytes, ...] = ()
    prefix: bytes = b""
    timestamp: int | None = None
    """Signed with the body, so that an old request can be detected. Seconds since 1970."""
    id: str | None = None
    """The id of the delivery, which a repeat has too."""


class Verifier:
    """Proves the requests of one source, first by the headers and then by the body. This one asks for no proof: anybody who
    can reach the port may post."""

    def claim(self, headers: Mapping[str, str], now: float) -> Claim:
        """Read the headers, before the body arrives. `now` is in seconds since 1970. Raises Refusal (401)."""
        return Claim()

    def prove(self, claim: Claim, body: bytes) -> None:
        """Raises Refusal (401) unless a secret gives one of the claimed signatures."""
        return None


def verifier(config: WebhookConfig) -> Verifier:
    """The verifier of the configured signature."""
    if config.signature == "none":
        return Verifier()
    if config.signature == "bearer":
        return _Bearer([_raw(secret) for secret in config.secrets])
    if config.hmac:
        encode = _hex if config.hmac.encoding == "hex" else base64.b64encode
        return _Signed(config, partial(_generic, config.hmac), encode, config.hmac.algorithm)
    encode = base64.b64encode if config.signature in _BASE64 else _hex
    return _Signed(config, _READ[config.signature], encode, "sha256")


class _Bearer(Verifier):
    """RFC 6750. The header is the whole proof, so the body of a request without it is not read."""

    def __init__(self, tokens: list[bytes]) -> None:
        self._tokens = tokens

    def claim(self, headers: Mapping[str, str], now: float) -> Claim:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise unauthorized("signature_missing", "the header authorization has no bearer token", "Bearer")
        if not _any_equal(self._tokens, [token.strip().encode("latin-1")]):
            raise unauthorized("signature_wrong", "the bearer token is wrong", "Bearer")
        return Claim()


class _Signed(Verifier):
    def __init__(
        self,
        config: WebhookConfig,
        read: Callable[[Mapping[str, str]], Claim],
        encode: Callable[[bytes], bytes],
        algorithm: str,
    ) -> None:
        key = standard_key if config.signature == "standard" else _raw
        self._keys = [key(secret) for secret in config.secrets]
        self._tolerance = config.tolerance
        self._read = read
        self._encode = encode
        self._hash = getattr(hashlib, algorithm)

    def claim(self, headers: Mapping[str, str], now: float) -> Claim:
        claim = self._read(headers)
        if claim.timestamp is not None and abs(now - claim.timestamp) > self._tolerance:
            raise unauthorized("signature_old", f"the signed timestamp is more than {self._tolerance:g} s from now")
        return claim

    def prove(self, claim: Claim, body: bytes) -> None:
        if not _any_equal([self._mac(key, claim.prefix, body) for key in self._keys], claim.signatures):
            raise unauthorized("signature_wrong", "the signature does not match the body")

    def _mac(self, key: bytes, prefix: bytes, body: bytes) -> bytes:
        mac = hmac.new(key, prefix, self._hash)
        mac.update(body)
        return self._encode(mac.digest())


def _any_equal(expected: list[bytes], found: tuple[bytes, ...] | list[bytes]) -> bool:
    # a sum and not any(): every pair is compared, so the time does not depend on which one matched
    return sum(hmac.compare_digest(one, other) for one in expected for other in found) > 0


def _raw(secret: SecretStr) -> bytes:
    return secret.get_secret_value().encode()


def _hex(mac: bytes) -> bytes:
    return mac.hex().encode()


def _github(headers: Mapping[str, str]) -> Claim:
    """https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries"""
    signature = _after("sha256=", headers, "x-hub-signature-256")
    return Claim(signatures=(signature,), id=headers.get("x-github-delivery"))


def _shopify(headers: Mapping[str, str]) -> Claim:
    """https://shopify.dev/docs/apps/build/webhooks/subscribe/https. One action has the same id for several topics."""
    event = headers.get("x-shopify-event-id")
    return Claim(
        signatures=(_after("", headers, "x-shopify-hmac-sha256"),),
        id=f"{headers.get('x-shopify-topic', '')} {event}" if event else headers.get("x-shopify-webhook-id"),
    )


def _slack(headers: Mapping[str, str]) -> Claim:
    """https://docs.slack.dev/authentication/verifying-requests-from-slack"""
    signature = _after("v0=", headers, "x-slack-signature")
    text = _present(headers, "x-slack-request-timestamp")
    timestamp = _seconds(text, "x-slack-request-timestamp")
    return Claim(signatures=(signature,), prefix=f"v0:{text}:".encode(), timestamp=timestamp)


def _stripe(headers: Mapping[str, str]) -> Claim:
    """https://docs.stripe.com/webhooks/signature: `t=...,v1=...,v1=...`; schemes other than v1 are ignored."""
    header = "stripe-signature"
    pairs = [pair.strip().partition("=") for pair in _present(headers, header).split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    signatures = tuple(value.encode("latin-1") for name, _, value in pairs if name == "v1")
    if len(times) != 1 or not signatures:
        raise _malformed(header)
    return Claim(signatures=signatures, prefix=f"{times[0]}.".encode(), timestamp=_seconds(times[0], header))


def _standard(headers: Mapping[str, str]) -> Claim:
    """https://www.standardwebhooks.com, and Svix, whose headers begin with `svix-`. Versions other than 1 are ignored."""
    kind = "svix" if "svix-id" in headers and "webhook-id" not in headers else "webhook"
    id, text = _present(headers, f"{kind}-id"), _present(headers, f"{kind}-timestamp")
    parts = [part.partition(",") for part in _present(headers, f"{kind}-signature").split(" ")]
    signatures = tuple(value.encode("latin-1") for version, _, value in parts if version == "v1")
    if not signatures:
        raise _malformed(f"{kind}-signature")
    timestamp = _seconds(text, f"{kind}-timestamp")
    return Claim(signatures=signatures, prefix=f"{id}.{text}.".encode("latin-1"), timestamp=timestamp, id=id)


def _generic(config: HmacConfig, headers: Mapping[str, str]) -> Claim:
    """For senders that sign only the body. Hexadecimal digits may be of either case."""
    signature = _after(config.prefix, headers, config.header.lower())
    return Claim(signatures=(signature.lower() if config.encoding == "hex" else signature,))


def _present(headers: Mapping[str, str], name: str) -> str:
    if not (text := headers.get(name, "")):
        raise unauthorized("signature_missing", f"the header {name} is missing")
    return text


def _after(prefix: str, headers: Mapping[str, str], name: str) -> bytes:
    text = _present(headers, name)
    if not text.startswith(prefix):
        raise _malformed(name)
    return text.removeprefix(prefix).encode("latin-1")


def _seconds(text: str, header: str) -> int:
    # isdecimal, because isdigit takes "²", which int does not; 11 digits reach the year 5138
    if not text.isdecimal() or len(text) > 11:
        raise _malformed(header)
    return int(text)


def _malformed(header: str) -> Refusal:
    return unauthorized("signature_malformed", f"the header {header} is not of the expected form")


_READ: Mapping[str, Callable[[Mapping[str, str]], Claim]] = {
    "github": _github,
    "shopify": _shopify,
    "slack": _slack,
    "standard": _standard,
    "stripe": _stripe,
}


def inside(signature: str, body: bytes) -> tuple[str | None, str | None]:
    """What a preset finds in the JSON object that is the body: the id of the delivery, and the challenge that Slack sends
    when its user enters a URL, and expects as the answer. Either may be None."""
    if signature not in _ID:
        return None, None
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):  # Slack's commands are forms
        return None, None
    if not isinstance(found, dict):
        return None, None
    asked = signature == "slack" and found.get("type") == "url_verification"
    return _text(found, _ID[signature]), _text(found, "challenge") if asked else None


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    # half of a surrogate pair is not printable, and could not be sent to clients
    return value if isinstance(value, str) and value and value.isprintable() else None
