"""The connector itself: no line to an upstream, only senders that call. What is asked of a request, and its answer."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from sse_gateway.connector import Connector, Message, problem

from .body import Body, Charge, Pending
from .config import OVERHEAD, HandshakeConfig, WebhookConfig
from .events import split
from .intake import Intake, Window
from .refusal import Refusal, malformed
from .signatures import SIGNATURE_HEADERS, Claim, challenge, delivery_id, members, verifier

_SECRET_HEADERS = SIGNATURE_HEADERS | {"authorization", "cookie", "proxy-authorization"}


class WebhookConnector(Connector[WebhookConfig]):
    """Answers 202 once what was posted is in the log, and 503 while it is not entered: senders then come again."""

    Config = WebhookConfig

    def __init__(self, config: WebhookConfig, *, name: str) -> None:
        super().__init__(config, name=name)
        window = Window(span=config.dedupe.window, entries=config.dedupe.entries)
        self._intake = Intake(window, self.tally)
        self._endpoint = _Endpoint(config, self._intake, self.tally)

    def routes(self) -> Sequence[BaseRoute]:
        """One route, which answers every method by itself."""
        return [Route(self.config.path, self._endpoint, name=f"webhook:{self.name}")]

    async def __aenter__(self) -> Self:
        self._intake.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._intake.close()

    async def receive(self) -> Sequence[Message]:
        """All that was posted and not handed out yet."""
        return await self._intake.take()

    async def ack(self, message: Message) -> None:
        """Answers the senders of `message` and of all before it."""
        self._intake.acknowledge(message.receipt)


class _Endpoint:
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
            # read by senders that only broke the rules of chunks
            response = problem(malformed("the body broke off"), store=True)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, headers: dict[str, str], body: Body) -> Response:
        try:
            if scope["method"] == "OPTIONS" and self._config.handshake:
                return _consent(self._config.handshake, headers, self._allow)
            return await self._take(scope, headers, body)
        except Refusal as refusal:
            self._tally[refusal.kind] += 1
            await body.discard()
            return problem(refusal, store=True)

    async def _take(self, scope: Scope, headers: dict[str, str], body: Body) -> Response:
        self._check(scope["method"], headers)
        self._intake.require_open()
        claim = self._verifier.claim(headers, time.time())
        with self._pending.admit() as charge:
            raw = await body.read(charge)
            self._verifier.prove(claim, raw)
            fields = members(self._config.signature, raw)
            if asked := challenge(self._config.signature, fields):
                return PlainTextResponse(asked)
            base = self._base(scope, headers, claim, delivery_id(self._config.signature, fields))
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


def _consent(config: HandshakeConfig, headers: Mapping[str, str], allow: str) -> Response:
    """The answer to OPTIONS of a sender that may deliver ("HTTP 1.1 Web Hooks for Event Delivery", version 1.0.2, section
    4). A callback is never called: its URL is the sender's choice.

    Raises:
        Refusal: it may not.
    """
    origin = headers.get("webhook-request-origin", "").lower()
    known = {name.lower() for name in config.origins}
    if not origin or known.isdisjoint((origin, "*")):
        raise Refusal(403, "origin", "webhook-request-origin names no sender that is expected here", {"allow": allow})
    answer = {
        "allow": allow,
        "webhook-allowed-origin": "*" if "*" in known else origin,
        "webhook-allowed-rate": str(config.rate or "*"),
    }
    return Response(status_code=200, headers=answer)
