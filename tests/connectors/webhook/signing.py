"""How each provider signs: the sender's side, written from its documentation and apart from the connector's code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

SECRET = "It's a Secret to Everybody"
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def mac(secret: str | bytes, message: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.digest(secret.encode() if isinstance(secret, str) else secret, message, algorithm)


@dataclass(frozen=True)
class Provider:
    """`sign(secret, body, time)` gives the headers; `other` is a secret too, but not the one it was configured with."""

    name: str
    sign: Callable[[str, bytes, int], dict[str, str]]
    signature: str
    secret: str = SECRET
    other: str = "another secret"
    options: Mapping[str, Any] | None = None
    timestamp: str = ""

    def config(self, *secrets: str) -> dict[str, Any]:
        return {"signature": self.name, "secrets": list(secrets or (self.secret,)), **(self.options or {})}

    def headers(self, body: bytes, *, secret: str = "", at: float | None = None) -> dict[str, str]:
        return self.sign(secret or self.secret, body, int(time.time() if at is None else at))


def github(secret: str, body: bytes, at: int) -> dict[str, str]:
    return {"x-hub-signature-256": "sha256=" + mac(secret, body).hex(), "x-github-event": "push"}


def stripe(secret: str, body: bytes, at: int) -> dict[str, str]:
    return {"stripe-signature": f"t={at},v1={mac(secret, b'%d.' % at + body).hex()}"}


def slack(secret: str, body: bytes, at: int) -> dict[str, str]:
    signature = "v0=" + mac(secret, b"v0:%d:" % at + body).hex()
    return {"x-slack-signature": signature, "x-slack-request-timestamp": str(at)}


def shopify(secret: str, body: bytes, at: int) -> dict[str, str]:
    return {"x-shopify-hmac-sha256": base64.b64encode(mac(secret, body)).decode(), "x-shopify-topic": "orders/create"}


def standard(secret: str, body: bytes, at: int, prefix: str = "webhook-") -> dict[str, str]:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(mac(key, b"msg_1.%d." % at + body)).decode()
    return {f"{prefix}id": "msg_1", f"{prefix}timestamp": str(at), f"{prefix}signature": f"v1,{signature}"}


def svix(secret: str, body: bytes, at: int) -> dict[str, str]:
    return standard(secret, body, at, "svix-")


def generic(secret: str, body: bytes, at: int) -> dict[str, str]:
    return {"x-signature": "v=" + mac(secret, body, "sha512").hex().upper()}


def generic_base64(secret: str, body: bytes, at: int) -> dict[str, str]:
    return {"x-signature": base64.b64encode(mac(secret, body, "sha1")).decode()}


def bearer(secret: str, body: bytes, at: int) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


_HEX = {"hmac": {"header": "X-Signature", "algorithm": "sha512", "prefix": "v="}}
_BASE64 = {"hmac": {"header": "X-Signature", "algorithm": "sha1", "encoding": "base64"}}
_OTHER_KEY = "whsec_" + base64.b64encode(hashlib.sha256(b"other").digest()).decode()

PROVIDERS = [
    Provider("github", github, "x-hub-signature-256"),
    Provider("stripe", stripe, "stripe-signature", timestamp="stripe-signature"),
    Provider("slack", slack, "x-slack-signature", timestamp="x-slack-request-timestamp"),
    Provider("shopify", shopify, "x-shopify-hmac-sha256"),
    Provider("standard", standard, "webhook-signature", KEY, _OTHER_KEY, timestamp="webhook-timestamp"),
    Provider("standard", svix, "svix-signature", KEY, _OTHER_KEY, timestamp="svix-timestamp"),
    Provider("hmac", generic, "x-signature", options=_HEX),
    Provider("hmac", generic_base64, "x-signature", options=_BASE64),
    Provider("bearer", bearer, "authorization"),
]
