"""Splits a proved body into deliveries of one event or many, and reads CloudEvents 1.0 over HTTP.

In every mode of CloudEvents the data is the body of a message, and the attributes are `ce-` headers.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from sse_gateway.connector import Message

from . import json_text
from .intake import Delivery, digest
from .request import Refusal, malformed

_NDJSON = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
_REQUIRED = ("specversion", "id", "source", "type")
_JSON = re.compile(r"[^/]+/(json|[^;]+\+json)\s*(;.*)?", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9]+")
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_QUOTED = re.compile(r'"(.*)"')
_ESCAPE = re.compile(r"\\(.)")


def split(base: Message, body: bytes, *, path: str, arrays: bool, max_events: int) -> list[Delivery]:
    """All deliveries in the body. `base` has what its messages share. If any part is malformed, nothing is returned.

    Raises:
        Refusal: the body is not what its type says (400), has an unknown type (415), or too many events (413).
    """
    kind = base.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind.startswith("application/cloudevents") or "ce-specversion" in base.headers:
            events = _cloudevents(base, body, kind, max_events)
            return [Delivery((event,), digest(path, event.id or "")) for event in events]
        messages = [replace(base, body=body)]
        if (texts := _texts(body, kind, arrays=arrays)) is not None:
            numbered = enumerate(_at_most(max_events, texts))
            messages = [replace(base, body=text.encode(), id=base.id and f"{base.id}/{n}") for n, text in numbered]
    except ValueError as error:  # also from JSON, UTF-8 and base64; these texts quote nothing of the body
        raise malformed(f"the body is not of its type: {error}") from None
    return [Delivery(tuple(messages), digest(path, base.id) if base.id else None)]


def _cloudevents(base: Message, body: bytes, kind: str, max_events: int) -> list[Message]:
    """The events of a body in one of the modes of CloudEvents. Each has an id of its own."""
    if kind == "application/cloudevents+json":
        return [_structured(base, body.decode())]
    if kind == "application/cloudevents-batch+json":
        texts = _at_most(max_events, json_text.elements(body.decode()))
        return [_structured(base, text) for text in texts]
    if kind.startswith("application/cloudevents"):
        raise Refusal(415, "media_type", "of the formats of CloudEvents only JSON is known")
    # binary: the attributes are in the headers, and the body is the data
    headers = {name: value for name, value in base.headers.items() if name.startswith("ce-")}
    attributes = {name.removeprefix("ce-"): _decode(value) for name, value in headers.items()}
    return [_event(base, attributes, body, base.headers.get("content-type", ""))]


def _texts(body: bytes, kind: str, *, arrays: bool) -> Iterator[str] | None:
    """The text of each event; None if the body is one event."""
    if kind in _NDJSON:
        return _lines(body.decode())
    if arrays and (kind == "application/json" or kind.endswith("+json")) and body.lstrip().startswith(b"["):
        return json_text.elements(body.decode())
    return None


def _lines(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        if stripped := line.strip(" \t\r"):
            json_text.check(stripped)
            yield stripped


def _at_most(limit: int, parts: Iterable[str]) -> Iterator[str]:
    for number, part in enumerate(parts):
        if number == limit:
            raise Refusal(413, "too_many_events", f"a body may have {limit} events")
        yield part


def _structured(base: Message, text: str) -> Message:
    """The whole event is one JSON object. Raises ValueError if it is not a CloudEvent."""
    attributes: dict[str, str] = {}
    data: dict[str, tuple[Any, str]] = {}
    for name, value, raw in json_text.members(text):
        if name in ("data", "data_base64"):
            data[name] = (value, raw)
        elif value is not None:
            attributes[name] = _attribute(name, value, raw)
    content_type = attributes.pop("datacontenttype", "application/json")
    return _event(base, attributes, _data(data, content_type), content_type)


def _event(base: Message, attributes: Mapping[str, str], body: bytes, content_type: str) -> Message:
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
    """The value of a header, by section 3.1.3.2 of the HTTP binding: without the quotes of older senders, percent-decoded."""
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
        value, raw = data["data_base64"]
        if not raw.startswith('"'):
            raise ValueError("data_base64 is a string")
        return base64.b64decode(value, validate=True)
    if "data" not in data:
        return b""
    value, raw = data["data"]
    if _JSON.fullmatch(content_type):
        return raw.encode()
    if not raw.startswith('"'):
        raise ValueError(f"data of the type {content_type} is a string")
    return str(value).encode()


def _timestamp(text: str) -> float | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return max(time.timestamp(), 0.0) or None if time.tzinfo else None
