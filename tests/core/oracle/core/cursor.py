"""The text of an event id, and what can be read back from one.

Grammar: `1(.TAG(_PART-NEXT)*(*MARK)?)*` with the tags sorted and the numbers in base 36. TAG is six characters of a hash of
source name and epoch, PART the partition's name, NEXT its next offset, MARK a hash of the source's last message id, where
the source has no offsets that another replica would know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2s

from .errors import MalformedCursor

__all__ = ["MAX_LENGTH", "UNREADABLE", "VERSION", "Cursor", "Place", "base36", "make_mark", "make_tag", "write_place"]

VERSION = "1"
MAX_LENGTH = 4096
"""Bytes of the longest id that is looked at: proxies often stop at 8 KiB of headers (browsers send 16,000 back)."""
UNREADABLE = f"{VERSION}-"
"""Stands for a longer one. Whoever comes back with it is told of a reset; with the long one a proxy might have refused the
request, for which an EventSource gives up for ever, and with none it would miss events and not be told."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MAX_NEXT = 2**63 - 1  # Kafka and RabbitMQ count in signed 64 bits
_SOURCE = re.compile(r"([0-9a-z]{6})((?:_[0-9a-z]{0,8}-[0-9a-z]{1,13})*)(?:\*([0-9a-z]{8}))?")


def base36(number: int) -> str:
    """`number` (not negative) in base 36, which is the shortest form that needs no escaping anywhere."""
    text = _DIGITS[number % 36]
    while number := number // 36:
        text = _DIGITS[number % 36] + text
    return text


def _digest(length: int, *parts: str) -> str:
    number = int.from_bytes(blake2s("\0".join(parts).encode(), digest_size=8).digest(), "big")
    return base36(number % 36**length).rjust(length, "0")


def make_tag(source: str, epoch: str) -> str:
    """The TAG of a source in one epoch, equal on every replica."""
    return _digest(6, source, epoch)


def make_mark(source: str, message_id: str) -> str:
    """The MARK of a message id, equal on every replica."""
    return _digest(8, source, message_id)


def write_place(tag: str, following: Mapping[str, int], mark: str = "") -> str:
    """The part of an id that one source has: the inverse of what `Cursor.parse` does to it."""
    pairs = "".join([f"_{name}-{base36(number)}" for name, number in following.items()])
    return f".{tag}{pairs}*{mark}" if mark else f".{tag}{pairs}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an id stands in one source: the next offset by partition name, and the mark of the last message."""

    next: Mapping[str, int]
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A parsed id: a place for each tag that it names. Untrusted: it may name anything."""

    places: Mapping[str, Place]

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read an incoming id.

        Raises:
            MalformedCursor: it is not of the grammar, too long, or names a source or a partition twice.
        """
        if len(text) > MAX_LENGTH:
            raise MalformedCursor(f"the id has {len(text)} characters, at most {MAX_LENGTH} are read")
        version, *sources = text.split(".")
        if version != VERSION:
            raise MalformedCursor("the id is not one of this gateway's")
        places = dict(_parse_source(source) for source in sources)
        if len(places) < len(sources):
            raise MalformedCursor("the id names a source twice")
        return cls(places)


def _parse_source(text: str) -> tuple[str, Place]:
    match = _SOURCE.fullmatch(text)
    if match is None:
        raise MalformedCursor("a source of the id is not of the form TAG_PARTITION-NEXT")
    tag, pairs, mark = match.groups()
    named = [pair.split("-") for pair in pairs.split("_")[1:]]
    following = {name: int(number, 36) for name, number in named}
    if len(following) < len(named) or any(number > _MAX_NEXT for number in following.values()):
        raise MalformedCursor("a partition of the id is named twice or out of range")
    return tag, Place(following, mark or "")
