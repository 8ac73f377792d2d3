"""From a proved body to deliveries: one event, or many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from sse_gateway.connector import Message

from . import cloudevents, json_text
from .deliveries import Delivery, digest
from .refusal import Refusal, malformed

__all__ = ["split"]

_NDJSON = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})


def split(base: Message, body: bytes, *, path: str, arrays: bool, max_events: int) -> list[Delivery]:
    """All of the body or, where any part of it is malformed, nothing. `base` has what its messages share.

    Raises:
        Refusal: it is not what its type says (400), of a type that is not known (415), or too many events (413).
    """
    try:
        events = _cloudevents(base, body, max_events)
        if events is None:
            return [_delivery(base, body, path, _parts(base, body, arrays=arrays), max_events)]
    except ValueError as error:  # of JSON, UTF-8 and base64 too; their texts quote nothing of the body
        raise malformed(f"the body is not of its type: {error}") from None
    return [Delivery((event,), digest(path, event.id or "")) for event in events]


def _cloudevents(base: Message, body: bytes, max_events: int) -> list[Message] | None:
    """None where it is none of their modes. Each event has an id of its own, whoever posted it."""
    kind = _media_type(base)
    if kind == "application/cloudevents+json":
        return [cloudevents.structured(base, body.decode())]
    if kind == "application/cloudevents-batch+json":
        texts = _at_most(max_events, json_text.elements(body.decode()))
        return [cloudevents.structured(base, text) for text in texts]
    if kind.startswith("application/cloudevents"):
        raise Refusal(415, "media_type", "of the formats of CloudEvents only JSON is known")
    return [cloudevents.binary(base, body)] if "ce-specversion" in base.headers else None


def _parts(base: Message, body: bytes, *, arrays: bool) -> Iterator[str] | None:
    """The text of each event; None where the body is one."""
    kind = _media_type(base)
    if kind in _NDJSON:
        return _lines(body.decode())
    if arrays and (kind == "application/json" or kind.endswith("+json")) and body.lstrip().startswith(b"["):
        return json_text.elements(body.decode())
    return None


def _delivery(base: Message, body: bytes, path: str, parts: Iterator[str] | None, max_events: int) -> Delivery:
    mark = digest(path, base.id) if base.id else None
    if parts is None:
        return Delivery((replace(base, body=body),), mark)
    numbered = enumerate(_at_most(max_events, parts))
    messages = (
        replace(base, body=part.encode(), id=f"{base.id}/{number}" if base.id else None) for number, part in numbered
    )
    return Delivery(tuple(messages), mark)


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


def _media_type(base: Message) -> str:
    return base.headers.get("content-type", "").partition(";")[0].strip().lower()
