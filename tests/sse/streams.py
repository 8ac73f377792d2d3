"""Random events and what a browser makes of them: the oracle of the round trip and of the fuzz run.

python -m tests.sse.streams 1000000 [SEED]
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sse_gateway.sse import Event, ServerSentEvent, ensure_bytes
from sse_gateway.testing import EventStreamParser, ReceivedEvent

SEPARATORS = ["\r\n", "\r", "\n"]
NASTY = [
    *["\n", "\r", "\r\n", "\n\n", "\0", ":", " ", "", "\t", "\x0b", "\x0c", "\x1c", "\x1e", "\x85", "\u2028", "\u2029"],
    *["\ufeff", "\u200b", "\u202e", "\ufffd", "\ufffe", "\U0001f600", "e\u0301", "é", "\xa0", "\x7f", "\u0600"],
    *["0", "-1", "data: x", "id: 9", "event: e", "retry: 1", ": c", "data"],
    *["\ndata: forged\n\n", "\r\rid: 1\r\r", "a", "word", "[DONE]"],
]


@dataclass
class Expected:
    """What a client has after some events."""

    events: list[ReceivedEvent] = field(default_factory=list)
    id: str = ""
    retry: int | None = None

    def take(self, fields: dict[str, Any]) -> None:
        """One event that was sent, field by field as the standard says."""
        if fields.get("id") is not None:
            self.id = _line(fields["id"])
        retry = fields.get("retry")
        if retry is not None and not isinstance(retry, bool) and retry >= 0:
            self.retry = retry
        if fields.get("data") is not None:
            data = str(fields["data"]).replace("\r\n", "\n").replace("\r", "\n")
            type_ = "" if fields.get("event") is None else _line(fields["event"])
            self.events.append(ReceivedEvent(type_ or "message", data, self.id))


def _line(value: object) -> str:
    return "".join(character for character in str(value) if character not in "\r\n\0")


def random_text(chance: random.Random) -> str:
    return "".join(chance.choice(NASTY) for _ in range(chance.randrange(6)))


def random_fields(chance: random.Random) -> dict[str, Any]:
    """Some of the fields of an event, or all."""
    candidates: dict[str, Any] = {
        "data": chance.choice([random_text(chance), random_text(chance), chance.randrange(-5, 99), None]),
        "event": chance.choice([random_text(chance), None]),
        "id": chance.choice([random_text(chance), chance.randrange(10**9), None]),
        "retry": chance.choice([chance.randrange(10**6), -chance.randrange(9), True, None]),
        "comment": chance.choice([random_text(chance), None]),
    }
    return {name: value for name, value in candidates.items() if chance.random() < 0.7}


def random_item(chance: random.Random, fields: dict[str, Any]) -> Any:
    """One of the ways to say these fields: the strict one only where it takes them."""
    own: dict[str, Any] = {"sep": chance.choice([*SEPARATORS, None])}
    try:
        strict = Event(**{**fields, **own, "data": fields.get("data")})
    except (TypeError, ValueError):
        strict = None
    return chance.choice([fields, {**fields, "sep": "; "}, ServerSentEvent(**fields, **own), strict or fields])


def random_events(seed: int, count: int) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Blocks that say random fields, with these, until a client has got `count` events."""
    chance = random.Random(seed)
    while count:
        fields = random_fields(chance)
        yield random_item(chance, fields), fields
        count -= fields.get("data") is not None


def check_stream(chance: random.Random, length: int) -> None:
    """Send some events, cut the stream anywhere, and compare what arrives."""
    expected, sep = Expected(), chance.choice(SEPARATORS)
    stream = b""
    for _ in range(length):
        fields = random_fields(chance)
        expected.take(fields)
        stream += ensure_bytes(random_item(chance, fields), sep)
    compare(stream, expected, cut=chance.randrange(len(stream) + 1))


def compare(stream: bytes, expected: Expected, *, cut: int) -> None:
    parser = EventStreamParser()
    received = parser.feed(stream[:cut]) + parser.feed(stream[cut:])
    assert received == expected.events, (stream, received, expected.events)
    assert (parser.last_event_id, parser.retry) == (expected.id, expected.retry), (stream, expected)


def fuzz(count: int, seed: int) -> None:
    """Check at least `count` random events."""
    chance = random.Random(seed)
    done = 0
    while done < count:
        length = chance.randrange(1, 6)
        check_stream(chance, length)
        done += length


if __name__ == "__main__":
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)
    sys.stdout.write(f"{count} events from seed {seed}\n")
    fuzz(count, seed)
    sys.stdout.write("each arrived as it was sent: no field was forged, none lost\n")
