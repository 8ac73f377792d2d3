"""What the headers of a signed request claim, as each provider writes it. No secret is needed to read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .config import HmacConfig
from .refusal import Refusal, unauthorized

__all__ = ["Claim", "generic", "github", "shopify", "slack", "standard", "stripe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """That one of `signatures`, as text in the provider's encoding, is the MAC of `prefix` and the body."""

    signatures: tuple[bytes, ...] = ()
    prefix: bytes = b""
    timestamp: int | None = None
    """Signed with the body, so it tells an old request from a new one. Seconds since 1970."""
    id: str | None = None
    """Of the delivery, the same when it is sent again."""


def github(headers: Mapping[str, str]) -> Claim:
    """https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries"""
    signature = _after("sha256=", headers, "x-hub-signature-256")
    return Claim(signatures=(signature,), id=headers.get("x-github-delivery"))


def shopify(headers: Mapping[str, str]) -> Claim:
    """https://shopify.dev/docs/apps/build/webhooks/subscribe/https. One action has one id under several topics."""
    event = headers.get("x-shopify-event-id")
    return Claim(
        signatures=(_after("", headers, "x-shopify-hmac-sha256"),),
        id=f"{headers.get('x-shopify-topic', '')} {event}" if event else headers.get("x-shopify-webhook-id"),
    )


def slack(headers: Mapping[str, str]) -> Claim:
    """https://docs.slack.dev/authentication/verifying-requests-from-slack"""
    signature = _after("v0=", headers, "x-slack-signature")
    text = _present(headers, "x-slack-request-timestamp")
    timestamp = _seconds(text, "x-slack-request-timestamp")
    return Claim(signatures=(signature,), prefix=f"v0:{text}:".encode(), timestamp=timestamp)


def stripe(headers: Mapping[str, str]) -> Claim:
    """https://docs.stripe.com/webhooks/signature: `t=...,v1=...,v1=...`; schemes other than v1 are not looked at."""
    header = "stripe-signature"
    pairs = [pair.strip().partition("=") for pair in _present(headers, header).split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    signatures = tuple(value.encode("latin-1") for name, _, value in pairs if name == "v1")
    if len(times) != 1 or not signatures:
        raise _malformed(header)
    return Claim(signatures=signatures, prefix=f"{times[0]}.".encode(), timestamp=_seconds(times[0], header))


def standard(headers: Mapping[str, str]) -> Claim:
    """https://www.standardwebhooks.com, and Svix, whose headers begin with `svix-`. Only version 1 is looked at."""
    kind = "svix" if "svix-id" in headers and "webhook-id" not in headers else "webhook"
    id, text = _present(headers, f"{kind}-id"), _present(headers, f"{kind}-timestamp")
    parts = [part.partition(",") for part in _present(headers, f"{kind}-signature").split(" ")]
    signatures = tuple(value.encode("latin-1") for version, _, value in parts if version == "v1")
    if not signatures:
        raise _malformed(f"{kind}-signature")
    timestamp = _seconds(text, f"{kind}-timestamp")
    return Claim(signatures=signatures, prefix=f"{id}.{text}.".encode("latin-1"), timestamp=timestamp, id=id)


def generic(config: HmacConfig) -> Callable[[Mapping[str, str]], Claim]:
    """For senders that sign the body alone. Hexadecimal digits may be of either case."""

    def read(headers: Mapping[str, str]) -> Claim:
        signature = _after(config.prefix, headers, config.header.lower())
        return Claim(signatures=(signature.lower() if config.encoding == "hex" else signature,))

    return read


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
