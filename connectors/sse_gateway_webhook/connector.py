"""The connector itself: what is asked of a request, and the answer to it. It has no line to an upstream."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Self

from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from sse_gateway.connector import Connector, Message, problem

from .config import OVERHEAD, HandshakeConfig, WebhookConfig
from .events import split
from .intake import Intake, Window
from .request import Body, Pending, Refusal, malformed
from .signatures import SIGNATURE_HEADERS, Claim, inside, verifier

_SECRET_HEADERS = SIGNATURE_HEADERS | {"authorization", "cookie", "proxy-authorization"}


class WebhookConnector(Connector[WebhookConfig]):
    """Answers 202 after a message is in the log, and 503 while it is not entered, so that senders retry. It is itself the
    ASGI application of its path."""

    Config = WebhookConfig

    def __init__(self, config: WebhookConfig, *, name: str) -> None:
        super().__init__(config, name=name)
        self._intake = Intake(Window(span=config.dedupe.window, entries=config.dedupe.entries), self.tally)
        self._verifier = verifier(config)
        self._pending = Pending()
        self._secret_headers = _SECRET_HEADERS | ({config.hmac.header.lower()} if config.hmac else set())
        self._allow = "POST, PUT, OPTIONS" if config.handshake else "POST, PUT"

    def routes(self) -> Sequence[BaseRoute]:
        """One route, which answers every method by itself."""
        return [Route(self.config.path, self, name=f"webhook:{self.name}")]

    async def __aenter__(self) -> Self:
        self._intake.open()
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._intake.close()

    async def receive(self) -> Sequence[Message]:
        """All that was posted and not returned yet."""
        return await self._intake.take()

    async def ack(self, message: Message) -> None:
        """Answers the senders of `message` and of all before it."""
        self._intake.acknowledge(message.receipt)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = _headers(scope)
        body = Body(self.config, self._pending, receive, headers)
        try:
            response = await self._answer(scope, headers, body)
        except ClientDisconnect:
            self.tally["disconnected"] += 1
            # only a sender of invalid chunks is still there to read it
            response = problem(malformed("the body broke off"), store=True)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, headers: dict[str, str], body: Body) -> Response:
        try:
            if scope["method"] == "OPTIONS" and self.config.handshake:
                return _consent(self.config.handshake, headers, self._allow)
            return await self._take(scope, headers, body)
        except Refusal as refusal:
            self.tally[refusal.kind] += 1
            await body.discard()
            return problem(refusal, store=True)

    async def _take(self, scope: Scope, headers: dict[str, str], body: Body) -> Response:
        # The cheap checks come first, and no body is parsed before it is proved.
        if scope["method"] not in ("POST", "PUT"):
            raise Refusal(405, "method", f"this path takes {self._allow}", {"allow": self._allow})
        if headers.get("content-encoding", "identity") != "identity":
            raise Refusal(415, "encoding", "compressed bodies are not taken", {"accept-encoding": "identity"})
        self._intake.require_open()
        claim = self._verifier.claim(headers, time.time())
        with body.admitted():
            raw = await body.read()
            self._verifier.prove(claim, raw)
            id, challenge = inside(self.config.signature, raw)
            if challenge:
                return PlainTextResponse(challenge)
            base = self._base(scope, headers, claim, id)
            arrays, most = self.config.arrays, self.config.max_events
            deliveries = split(base, raw, path=scope["path"], arrays=arrays, max_events=most)
            body.charge(OVERHEAD * sum(len(delivery.messages) for delivery in deliveries))
            await self._intake.submit(deliveries)
        return Response(status_code=202)

    def _base(self, scope: Scope, headers: dict[str, str], claim: Claim, found: str | None) -> Message:
        """A message without a body: what all those of the request have in common."""
        path = {name: str(value) for name, value in scope["path_params"].items()}
        own = headers.get(self.config.id_header.lower()) if self.config.id_header else None
        return Message(
            body=b"",
            key=path.get(self.config.key, ""),
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
    """Senders that write more than ASCII into a header mean UTF-8."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return value


def _consent(config: HandshakeConfig, headers: dict[str, str], allow: str) -> Response:
    """The answer to OPTIONS from a sender that may deliver ("HTTP 1.1 Web Hooks for Event Delivery", version 1.0.2, section
    4). A callback is never called, because its URL is chosen by the sender.

    Raises:
        Refusal: the sender may not deliver.
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
