"""A request that is not taken."""

from __future__ import annotations

from collections.abc import Mapping

from sse_gateway.connector import Problem

_RETRY_AFTER = "5"
"""Seconds, as Svix waits before its first retry; a load balancer has taken a draining replica out by then."""


class Refusal(Problem):
    """The answer is `status` with `detail`, and the request is counted as `kind`. The text never holds a secret."""

    def __init__(self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)
        self.kind = kind


def malformed(detail: str) -> Refusal:
    """400: the body is not what its content type says."""
    return Refusal(400, "malformed", detail)


def unauthorized(kind: str, detail: str, scheme: str = "Signature") -> Refusal:
    """401. RFC 9110 wants a challenge in every one; `scheme` names what was expected."""
    return Refusal(401, kind, detail, {"www-authenticate": scheme})


def busy(kind: str, detail: str) -> Refusal:
    """503: the same request can succeed a little later, here or on another replica."""
    return Refusal(503, kind, detail, {"retry-after": _RETRY_AFTER})
