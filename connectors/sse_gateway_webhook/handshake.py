"""Consent to be posted to, which senders of CloudEvents ask for first.

"HTTP 1.1 Web Hooks for Event Delivery", version 1.0.2, section 4.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from .config import HandshakeConfig
from .refusal import Refusal

__all__ = ["consent"]


def consent(config: HandshakeConfig, headers: Mapping[str, str], allow: str) -> Response:
    """The answer to OPTIONS of a sender that may deliver. A callback is never called: its URL is the sender's choice.

    Raises:
        Refusal: it may not.
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
