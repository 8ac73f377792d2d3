"""The try page: the gateway's routes, moving in a browser. Off unless `[server] try_page` is set: it lists the routes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from ...config import Config, RouteConfig

_PLACE = "{{page}}"
_HEADERS = {
    "cache-control": "no-store",
    # All that it needs is in the file; what it may reach is this server.
    "content-security-policy": "default-src 'none'; connect-src 'self'; img-src data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def page_route(config: Config, mounted: Sequence[BaseRoute]) -> Route:
    """The page at `/`, for these routes and the hooks among `mounted`. Reads a file: call it before the loop starts."""
    text = files(__package__).joinpath("index.html").read_text("utf-8")
    # "<" can't end the script element that holds it.
    page = text.replace(_PLACE, json.dumps(_content(config, mounted)).replace("<", "\\u003c"))

    async def show(request: Request) -> Response:
        return HTMLResponse(page, headers=_HEADERS)

    return Route("/", show)


def _content(config: Config, mounted: Sequence[BaseRoute]) -> dict[str, Any]:
    events = [source.event for source in config.sources.values() if source.event]
    return {
        "routes": [_route(route) for route in config.routes],
        "hooks": [
            route.path for route in mounted if isinstance(route, Route) and "POST" in (route.methods or ["POST"])
        ],
        # An EventSource hears only the types that it is told of.
        "types": sorted({event.text for event in events if not event.names}),
        "more_types": any(event.names for event in events),
    }


def _route(route: RouteConfig) -> dict[str, Any]:
    names = {name.removeprefix("query.") for template in route.channels for name in template.names if "query." in name}
    return {"path": route.path, "query": sorted(names)}
