"""Errors as problem+json."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from sse_gateway.connector import EXCEPTION_HANDLERS, Problem

from .asgi import request

pytestmark = pytest.mark.anyio


async def refuse(_: Request) -> None:
    raise Problem(400, "missing query parameter topic", {"x-hint": "topic"})


async def break_down(_: Request) -> None:
    raise ZeroDivisionError("secret")


APP = Starlette(
    routes=[Route("/refuse", refuse, methods=["POST"]), Route("/break", break_down)],
    exception_handlers=EXCEPTION_HANDLERS,
)


async def test_a_problem_says_what_was_wrong_and_where() -> None:
    answer = await request(APP, "POST", "/refuse")

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-hint"] == "topic"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "missing query parameter topic",
        "instance": "/refuse",
    }


async def test_the_place_of_a_problem_is_a_uri_reference() -> None:
    answer = await request(APP, "GET", "/a b\n/ü")

    assert answer.json()["instance"] == "/a%20b%0A/%C3%BC"


async def test_a_bug_tells_the_caller_nothing_of_our_inside_and_goes_on_to_the_server() -> None:
    sent: list[Message] = []

    async def keep(scope: Scope, receive: Receive, send: Send) -> None:
        async def record(message: Message) -> None:
            sent.append(message)

        await APP(scope, receive, record)

    with pytest.raises(ZeroDivisionError):
        await request(keep, "GET", "/break")

    assert sent[0]["status"] == 500
    assert b"Internal Server Error" in sent[1]["body"] and b"secret" not in sent[1]["body"]
