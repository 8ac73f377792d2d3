"""CloudEvents 1.0 over HTTP. In every mode the data is the body of a message, and the attributes are `ce-` headers."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from sse_gateway.connector import Message

from . import json_text

__all__ = ["binary", "structured"]

_REQUIRED = ("specversion", "id", "source", "type")
_JSON = re.compile(r"[^/]+/(json|[^;]+\+json)\s*(;.*)?", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9]+")
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_QUOTED = re.compile(r'"(.*)"')
_ESCAPE = re.compile(r"\\(.)")


def binary(base: Message, body: bytes) -> Message:
    """The attributes are in the headers, and the body is the data. Raises ValueError where it is no CloudEvent."""
    attributes = {
        name.removeprefix("ce-"): _decode(value) for name, value in base.headers.items() if name.startswith("ce-")
    }
    return _message(base, attributes, body, base.headers.get("content-type", ""))


def structured(base: Message, text: str) -> Message:
    """The whole event is one JSON object. Raises ValueError where it is no CloudEvent."""
    attributes: dict[str, str] = {}
    data: dict[str, tuple[Any, str]] = {}
    for name, value, raw in json_text.members(text):
        if name in ("data", "data_base64"):
            data[name] = (value, raw)
        elif value is not None:
            attributes[name] = _attribute(name, value, raw)
    content_type = attributes.pop("datacontenttype", "application/json")
    return _message(base, attributes, _data(data, content_type), content_type)


def _message(base: Message, attributes: Mapping[str, str], body: bytes, content_type: str) -> Message:
    for name in _REQUIRED:
        if not attributes.get(name):
            raise ValueError(f"a CloudEvent needs {name}")
    if attributes["specversion"] != "1.0":
        raise ValueError("only specversion 1.0 of CloudEvents is known")
    if unfit := [name for name, value in attributes.items() if _UNFIT.search(value)]:
        raise ValueError(f"control characters in {unfit[0]}")
    headers = {name: value for name, value in base.headers.items() if not name.startswith("ce-")}
    headers |= {f"ce-{name}": value for name, value in attributes.items()}
    if content_type:
        headers["content-type"] = content_type
    time = _timestamp(attributes.get("time", ""))
    # a source is a URI reference and has no space, so no two pairs give the same id
    id = f"{attributes['source']} {attributes['id']}"
    return replace(base, body=body, headers=headers, id=id, timestamp=base.timestamp if time is None else time)


def _decode(value: str) -> str:
    """A header as sections 3.1.3.2 of the HTTP binding has it: quotes of older senders, then one round of percents."""
    if quoted := _QUOTED.fullmatch(value):
        value = _ESCAPE.sub(r"\1", quoted[1])
    return unquote(value, errors="strict")


def _attribute(name: str, value: Any, raw: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("the name of an attribute has other characters than a-z and 0-9")
    if isinstance(value, dict | list):
        raise ValueError(f"the attribute {name} is neither string, number nor boolean")
    return value if isinstance(value, str) else raw


def _data(data: Mapping[str, tuple[Any, str]], content_type: str) -> bytes:
    if len(data) > 1:
        raise ValueError("data and data_base64 exclude each other")
    if "data_base64" in data:
        return _bytes(*data["data_base64"])
    if "data" not in data:
        return b""
    value, raw = data["data"]
    if _JSON.fullmatch(content_type):
        return raw.encode()
    if not raw.startswith('"'):
        raise ValueError(f"data of the type {content_type} is a string")
    text: str = value
    return text.encode()


def _bytes(value: Any, raw: str) -> bytes:
    if not raw.startswith('"'):
        raise ValueError("data_base64 is a string")
    return base64.b64decode(value, validate=True)


def _timestamp(text: str) -> float | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return max(time.timestamp(), 0.0) or None if time.tzinfo else None
