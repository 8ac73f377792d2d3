"""The text of an event id, and how it is read back (docs/architecture.md, rule 13).

Grammar: `1(.TAG(_PART-NEXT)*(*DIGEST)?)*`, with sorted tags and numbers in base 36. TAG is six characters of a hash of
the source's name and epoch. PART is the partition's name and NEXT its next offset. DIGEST is a hash of the last
message's id, for sources whose offsets mean nothing to another replica. What an id says of one source is a place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2s

from ..errors import MalformedCursor
from .event import Offsets

VERSION = "1"
MAX_LENGTH = 4096
"""Characters of the longest id that is read or written. Proxies often stop at 8 KiB of headers; browsers return
16,000."""
UNREADABLE = f"{VERSION}-"
"""Sent in place of a longer id. A client that returns with it is told of a reset. With the long id a proxy might refuse
the request, and an EventSource would never try again. Without any id the client would miss events and not be told."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MAX_NEXT = 2**63 - 1  # Kafka and RabbitMQ count in signed 64 bits
_PLACE = re.compile(r"([0-9a-z]{6})((?:_[0-9a-z]{0,8}-[0-9a-z]{1,13})*)(?:\*([0-9a-z]{8}))?")


def base36(number: int) -> str:
    """`number` (not negative) in base 36, the shortest form that needs no escaping anywhere."""
    text = _DIGITS[number % 36]
    while number := number // 36:
        text = _DIGITS[number % 36] + text
    return text


def make_tag(source: str, epoch: str) -> str:
    """The TAG of a source in one epoch. It is the same on every replica."""
    return _hash(6, source, epoch)


def make_digest(source: str, message_id: str) -> str:
    """The DIGEST of a message id. It is the same on every replica."""
    return _hash(8, source, message_id)


def _hash(length: int, *parts: str) -> str:
    number = int.from_bytes(blake2s("\0".join(parts).encode(), digest_size=8).digest(), "big")
    return base36(number % 36**length).rjust(length, "0")


def write_place(tag: str, following: Offsets, digest: str = "") -> str:
    """The part of an id for one source. `Cursor.parse` reads it."""
    pairs = "".join([f"_{name}-{base36(number)}" for name, number in following.items()])
    return f".{tag}{pairs}*{digest}" if digest else f".{tag}{pairs}"


def write_id(places: Iterable[str]) -> str:
    """The id with these places, or UNREADABLE if that would be too long."""
    id = VERSION + "".join(sorted(places))
    return id if len(id) <= MAX_LENGTH else UNREADABLE


@dataclass(frozen=True, slots=True)
class Place:
    """Where an id stands in one source: the next offset of each partition, and the digest of the last message's id."""

    next: Offsets
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A parsed id: one place for each tag. It comes from the client and may name anything."""

    places: Mapping[str, Place]

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read an id that a client sent.

        Raises:
            MalformedCursor: it does not match the grammar, is too long, or names a source or a partition twice.
        """
        if len(text) > MAX_LENGTH:
            raise MalformedCursor(f"the id has {len(text)} characters, at most {MAX_LENGTH} are read")
        version, *sources = text.split(".")
        if version != VERSION:
            raise MalformedCursor("the id is not one of this gateway's")
        places = dict(_parse_place(source) for source in sources)
        if len(places) < len(sources):
            raise MalformedCursor("the id names a source twice")
        return cls(places)


def _parse_place(text: str) -> tuple[str, Place]:
    match = _PLACE.fullmatch(text)
    if match is None:
        raise MalformedCursor("a source of the id is not of the form TAG_PARTITION-NEXT")
    tag, pairs, digest = match.groups()
    named = [pair.split("-") for pair in pairs.split("_")[1:]]
    following = {name: int(number, 36) for name, number in named}
    if len(following) < len(named) or any(number > _MAX_NEXT for number in following.values()):
        raise MalformedCursor("a partition of the id is named twice or out of range")
    return tag, Place(following, digest or "")
