"""Proof that a request comes from who holds the secret. The body is proved as it came, before anything reads it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Protocol

from pydantic import SecretStr

from . import claims
from .claims import Claim
from .config import WebhookConfig, standard_key
from .refusal import unauthorized

__all__ = ["SIGNATURE_HEADERS", "Verifier", "verifier"]

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
"""They have done their duty when a request is proved, and are not passed on."""

_READ: Mapping[str, Callable[[Mapping[str, str]], Claim]] = {
    "github": claims.github,
    "shopify": claims.shopify,
    "slack": claims.slack,
    "standard": claims.standard,
    "stripe": claims.stripe,
}
_BASE64 = frozenset({"shopify", "standard"})


class Verifier(Protocol):
    """How one source proves its requests: first by their headers, and then by the whole."""

    def claim(self, headers: Mapping[str, str], now: float) -> Claim:
        """Read the headers, before the body is. `now` is in seconds since 1970. Raises Refusal (401)."""
        ...

    def prove(self, claim: Claim, body: bytes) -> None:
        """Raises Refusal (401) if no secret makes one of the claimed signatures."""
        ...


def verifier(config: WebhookConfig) -> Verifier:
    """The one that the configuration asks for."""
    if config.signature == "none":
        return _Unsigned()
    if config.signature == "bearer":
        return _Bearer([_raw(secret) for secret in config.secrets])
    if config.hmac:
        encode = _hex if config.hmac.encoding == "hex" else base64.b64encode
        return _Signed(config, claims.generic(config.hmac), encode, config.hmac.algorithm)
    encode = base64.b64encode if config.signature in _BASE64 else _hex
    return _Signed(config, _READ[config.signature], encode, "sha256")


class _Unsigned:
    def claim(self, headers: Mapping[str, str], now: float) -> Claim:
        return Claim()

    def prove(self, claim: Claim, body: bytes) -> None:
        """Whoever reaches the port may post."""


class _Bearer:
    """RFC 6750. The header is all the proof there is, so nothing is read of a request without it."""

    def __init__(self, tokens: list[bytes]) -> None:
        self._tokens = tokens

    def claim(self, headers: Mapping[str, str], now: float) -> Claim:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise unauthorized("signature_missing", "the header authorization has no bearer token", "Bearer")
        if not _any_equal(self._tokens, [token.strip().encode("latin-1")]):
            raise unauthorized("signature_wrong", "the bearer token is wrong", "Bearer")
        return Claim()

    def prove(self, claim: Claim, body: bytes) -> None:
        """It is proved."""


class _Signed:
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
    # a sum and not any(): every pair is compared, so the time does not tell which one matched
    return sum(hmac.compare_digest(one, other) for one in expected for other in found) > 0


def _raw(secret: SecretStr) -> bytes:
    return secret.get_secret_value().encode()


def _hex(mac: bytes) -> bytes:
    return mac.hex().encode()
