"""A response to a websocket's request, which denies it (ASGI's `websocket.http.response`)."""

from __future__ import annotations

from starlette.types import Message, Send

__all__ = ["deny"]

_PLAIN = frozenset({"http.response.start", "http.response.body"})


def deny(send: Send) -> Send:
    """`send` for a response that is the answer to a websocket's request."""

    async def send_denial(message: Message) -> None:
        await send({**message, "type": "websocket." + message["type"]} if message["type"] in _PLAIN else message)

    return send_denial
