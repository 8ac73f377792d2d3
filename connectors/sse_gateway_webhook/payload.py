"""What two providers say in the body and not in a header: the delivery's id, and Slack's challenge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["challenge", "delivery_id", "fields"]

_ID = {"slack": "event_id", "stripe": "id"}


def fields(signature: str, body: bytes) -> Mapping[str, Any]:
    """The members of a JSON body, of the presets that look into it; nothing of any other body."""
    if signature not in _ID:
        return {}
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):  # Slack's commands are forms
        return {}
    return found if isinstance(found, dict) else {}


def delivery_id(signature: str, fields: Mapping[str, Any]) -> str | None:
    """The id under which it is sent again, if the body has one."""
    return _text(fields, _ID.get(signature, ""))


def challenge(signature: str, fields: Mapping[str, Any]) -> str | None:
    """What Slack wants to read when a URL is entered there; None for all else."""
    asked = signature == "slack" and fields.get("type") == "url_verification"
    return _text(fields, "challenge") if asked else None


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    # half of a surrogate pair is not printable, and could not be sent on
    return value if isinstance(value, str) and value and value.isprintable() else None
