"""Errors of HTTP as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

__all__ = ["EXCEPTION_HANDLERS", "Problem", "problem"]


class Problem(HTTPException):
    """A request that can't be answered: raised where it is found, answered by `problem`. `detail` says to the caller what
    was wrong and, where there is one, the way out."""


def problem(error: HTTPException, *, path: str = "") -> JSONResponse:
    """The answer to a request that failed with `error`."""
    title = HTTPStatus(error.status_code).phrase
    body = {"type": "about:blank", "title": title, "status": error.status_code}
    if error.detail and error.detail != title:
        body["detail"] = error.detail
    if path:
        body["instance"] = quote(path)  # a URI reference; servers hand us the path decoded
    headers: Mapping[str, str] = {**(error.headers or {}), "cache-control": "no-store"}
    return JSONResponse(body, error.status_code, headers=dict(headers), media_type="application/problem+json")


async def _answer(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        error = HTTPException(500)  # the server logs the traceback; the caller learns nothing of our inside
    return problem(error, path=request.scope["path"])


EXCEPTION_HANDLERS = {HTTPException: _answer, Exception: _answer}
"""For a Starlette application: all its errors are problems, its own 404 and 405 too."""
