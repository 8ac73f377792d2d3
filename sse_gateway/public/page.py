"""The try page, which shows the streams of the routes in a browser. It is off by default, because it lists all routes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from ..config import Config

_PLACE = "{{page}}"
_HEADERS = {
    "cache-control": "no-store",
    # The page loads nothing and may connect to this server only.
    "content-security-policy": "default-src 'none'; connect-src 'self'; img-src data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def page_route(config: Config, mounted: Sequence[BaseRoute]) -> Route:
    """The page at `/`, with the routes of `config` and the webhooks among `mounted`. Blocks: call it before the loop starts."""
    text = files(__package__).joinpath("page.html").read_text("utf-8")
    # A "<" in the JSON could end the script element in which it stands.
    page = text.replace(_PLACE, json.dumps(_content(config, mounted)).replace("<", "\\u003c"))

    async def show(request: Request) -> Response:
        return HTMLResponse(page, headers=_HEADERS)

    return Route("/", show)


def _content(config: Config, mounted: Sequence[BaseRoute]) -> dict[str, Any]:
    events = [source.event for source in config.sources.values() if source.event]
    return {
        "routes": [{"path": route.path, "query": sorted(route.query)} for route in config.routes],
        "hooks": [
            route.path for route in mounted if isinstance(route, Route) and "POST" in (route.methods or ["POST"])
        ],
        # An EventSource receives only the types for which it has a listener.
        "types": sorted({event.text for event in events if not event.names}),
        "more_types": any(event.names for event in events),
    }
