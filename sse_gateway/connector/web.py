"""For connectors that the public server serves: errors as `application/problem+json` (RFC 9457), and paths."""

from __future__ import annotations

import re
from http import HTTPStatus
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import compile_path

from ..errors import InvalidValue

_PARAMETER = re.compile(r"\{[A-Za-z_]\w*(:\w+)?\}", re.ASCII)


class Problem(HTTPException):
    """A request that can't be answered: raised where it is found, answered by `problem`. `detail` says to the caller what
    was wrong and, where there is one, the way out."""


def problem(error: HTTPException, *, path: str = "", store: bool = False) -> JSONResponse:
    """The answer to a request that failed with `error`. No cache keeps it, unless `store` leaves that to the method."""
    title = HTTPStatus(error.status_code).phrase
    body = {"type": "about:blank", "title": title, "status": error.status_code}
    if error.detail and error.detail != title:
        body["detail"] = error.detail
    if path:
        body["instance"] = quote(path)  # a URI reference; servers hand us the path decoded
    headers = {**(error.headers or {}), **({} if store else {"cache-control": "no-store"})}
    return JSONResponse(body, error.status_code, headers, media_type="application/problem+json")


async def _answer(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        error = HTTPException(500)  # the server logs the traceback; the caller learns nothing of our inside
    return problem(error, path=request.scope["path"])


EXCEPTION_HANDLERS = {HTTPException: _answer, Exception: _answer}
"""For a Starlette application: all its errors are problems, its own 404 and 405 too."""


def check_path(path: str) -> frozenset[str]:
    """The names of the parameters of `path`, which stand in it as {NAME} or {NAME:CONVERTOR}.

    Raises:
        InvalidValue: no request could fit it, or a parameter of it is not understood.
    """
    if not path.startswith("/"):
        raise InvalidValue('expected a path that begins with "/"')
    literal = _PARAMETER.sub("", path)
    if re.search("[{}]", literal):
        raise InvalidValue("expected a name in each pair of braces, such as {id} or {id:int}")
    if re.search(r"[?#\s]", literal):
        raise InvalidValue("expected a path without a query and without spaces, since no request matches those")
    try:
        return frozenset(compile_path(path)[2])
    except AssertionError:
        raise InvalidValue("expected one of str, path, int, float and uuid behind the : of a parameter") from None
    except ValueError:
        raise InvalidValue("expected a different name for each parameter") from None


def path_pattern(path: str) -> str:
    """`path` without the names of its parameters. Of two routes with the same pattern only the first would be reached."""
    return _PARAMETER.sub(lambda match: "{" + (match[1] or ":str") + "}", path)
