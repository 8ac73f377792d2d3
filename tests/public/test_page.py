"""The try page. That it moves is seen in a browser, in the end-to-end tests."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from sse_gateway.config import load
from sse_gateway.connector import Connector, ConnectorConfig, Message
from sse_gateway.metrics import Gate, Metrics
from sse_gateway.public.app import PublicApp

from .asgi import Answer, request
from .public import Gateway

CONFIG = """
[server]
try_page = true
[sources.ticks]
channel = "ticks"
event = "tick"
quiet = {}
[sources.orders]
channel = "orders.{key}"
event = "{headers.type}"
quiet = {}
[[routes]]
path = "/events/{id}"
channels = ["orders.{path.id}", "t.{query.topic}.{query.area}"]
[[routes]]
path = "/events/</script>"
channels = ["ticks"]
"""


class Quiet(Connector[ConnectorConfig]):
    Config = ConnectorConfig

    async def receive(self) -> list[Message]:
        return []


async def take(_: Request) -> Response:
    return Response()


class Anything:
    """An endpoint that answers every method by itself, as the webhook connector's does."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Response()(scope, receive, send)


@pytest.fixture
def app() -> PublicApp:
    mounted = [
        Route("/hooks/demo", take, methods=["POST"]),
        Route("/hooks/any", Anything()),
        Route("/look", take),
        Mount("/more", routes=[]),
    ]
    metrics = Metrics()
    return PublicApp(load(CONFIG, {"quiet": Quiet}, environ={}), Gateway(), Gate(metrics), metrics, mounted)


@pytest.fixture
async def page(app: PublicApp) -> Answer:
    return await request(app, "GET", "/")


def content(page: Answer) -> Any:
    script = re.search(r'<script type="application/json" id="page">(.*?)</script>', page.text, re.DOTALL)
    assert script
    return json.loads(script[1])


@pytest.mark.anyio
async def test_it_lists_the_routes_the_hooks_and_the_types_of_the_configuration(page: Answer) -> None:
    assert content(page) == {
        "routes": [
            {"path": "/events/{id}", "query": ["area", "topic"]},
            {"path": "/events/</script>", "query": []},
        ],
        "hooks": ["/hooks/demo", "/hooks/any"],
        "types": ["tick"],
        "more_types": True,
    }


@pytest.mark.anyio
async def test_nothing_of_the_configuration_can_end_the_script_that_holds_it(page: Answer) -> None:
    assert page.text.count("</script>") == 2


@pytest.mark.anyio
async def test_it_needs_nothing_from_elsewhere_and_may_reach_nothing_else(page: Answer) -> None:
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'; connect-src 'self'")
    assert re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?!data:)[a-z]+:?//""", page.text) == []
    assert "import " not in page.text


@pytest.mark.anyio
async def test_it_is_not_there_unless_it_is_asked_for() -> None:
    assert (await Gateway().get("/")).status == 404
