"""The HTTP side: what is asked of a request, in which order, and its answer."""

from __future__ import annotations

import time
from collections import Counter

from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from sse_gateway.connector import Message

from . import payload
from .body import Body
from .claims import Claim
from .config import WebhookConfig
from .events import split
from .handshake import consent
from .intake import Intake
from .pending import OVERHEAD, Charge, Pending
from .refusal import Refusal, malformed
from .signatures import SIGNATURE_HEADERS, verifier

__all__ = ["Endpoint"]

_SECRET_HEADERS = SIGNATURE_HEADERS | {"authorization", "cookie", "proxy-authorization"}


class Endpoint:
    """An ASGI application for one path. Cheap questions come first: no body is used that can't be served or proved."""

    def __init__(self, config: WebhookConfig, intake: Intake, tally: Counter[str]) -> None:
        self._config = config
        self._intake = intake
        self._tally = tally
        self._verifier = verifier(config)
        self._pending = Pending(max_bodies=config.pending.bodies, max_bytes=config.pending.bytes)
        self._secret_headers = _SECRET_HEADERS | ({config.hmac.header.lower()} if config.hmac else set())
        self._allow = "POST, PUT, OPTIONS" if config.handshake else "POST, PUT"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        body = Body(receive, headers, max_bytes=self._config.max_body, timeout=self._config.body_timeout)
        try:
            response = await self._answer(scope, headers, body)
        except ClientDisconnect:
            self._tally["disconnected"] += 1
            response = malformed("the body broke off").response()  # read by whoever only broke the rules of chunks
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, headers: dict[str, str], body: Body) -> Response:
        try:
            if scope["method"] == "OPTIONS" and self._config.handshake:
                return consent(self._config.handshake, headers, self._allow)
            return await self._take(scope, headers, body)
        except Refusal as refusal:
            self._tally[refusal.kind] += 1
            await body.discard()
            return refusal.response()

    async def _take(self, scope: Scope, headers: dict[str, str], body: Body) -> Response:
        self._check(scope["method"], headers)
        self._intake.require_open()
        claim = self._verifier.claim(headers, time.time())
        with self._pending.admit() as charge:
            raw = await body.read(charge)
            self._verifier.prove(claim, raw)
            fields = payload.fields(self._config.signature, raw)
            if challenge := payload.challenge(self._config.signature, fields):
                return PlainTextResponse(challenge)
            base = self._base(scope, headers, claim, payload.delivery_id(self._config.signature, fields))
            await self._submit(base, raw, scope["path"], charge)
        return Response(status_code=202)

    def _check(self, method: str, headers: dict[str, str]) -> None:
        if method not in ("POST", "PUT"):
            raise Refusal(405, "method", f"this path takes {self._allow}", {"allow": self._allow})
        if headers.get("content-encoding", "identity") != "identity":
            raise Refusal(415, "encoding", "compressed bodies are not taken", {"accept-encoding": "identity"})

    async def _submit(self, base: Message, body: bytes, path: str, charge: Charge) -> None:
        deliveries = split(base, body, path=path, arrays=self._config.arrays, max_events=self._config.max_events)
        charge.grow(OVERHEAD * sum(len(delivery.messages) for delivery in deliveries))
        await self._intake.submit(deliveries)

    def _base(self, scope: Scope, headers: dict[str, str], claim: Claim, found: str | None) -> Message:
        """A message without a body: what all those of the request have in common."""
        path = {name: str(value) for name, value in scope["path_params"].items()}
        own = headers.get(self._config.id_header.lower()) if self._config.id_header else None
        return Message(
            body=b"",
            key=path.get(self._config.key, ""),
            headers={name: _text(value) for name, value in headers.items() if name not in self._secret_headers},
            path=path,
            id=own or claim.id or found or None,
            timestamp=claim.timestamp,
        )


def _headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _text(value: str) -> str:
    """Senders that have more than ASCII in a header mean UTF-8."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return value
