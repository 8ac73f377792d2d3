"""A request that is not taken, and the answer that says so (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import JSONResponse, Response

__all__ = ["Refusal", "busy", "malformed", "unauthorized"]

_RETRY_AFTER = "5"
"""Seconds, as Svix waits before its first retry; a load balancer has taken a draining replica out by then."""


class Refusal(Exception):
    """The answer is `status` with `detail`, and the request is counted as `kind`. The text never holds a secret."""

    def __init__(self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The problem document."""
        title = HTTPStatus(self.status).phrase
        problem = {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail}
        return JSONResponse(problem, self.status, self.headers, media_type="application/problem+json")


def malformed(detail: str) -> Refusal:
    """400: the body is not what its content type says."""
    return Refusal(400, "malformed", detail)


def unauthorized(kind: str, detail: str, scheme: str = "Signature") -> Refusal:
    """401. RFC 9110 wants a challenge in every one; `scheme` names what was expected."""
    return Refusal(401, kind, detail, {"www-authenticate": scheme})


def busy(kind: str, detail: str) -> Refusal:
    """503: the same request can succeed a little later, here or on another replica."""
    return Refusal(503, kind, detail, {"retry-after": _RETRY_AFTER})
