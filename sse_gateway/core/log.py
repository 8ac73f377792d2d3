"""The log of a source, bounded by events, bytes and age together, and its views, one for each channel."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from .event import Entry, Event, Offsets, Position, Vector, higher
from .ids import base36, make_digest, make_tag, write_place

_SEQ = attrgetter("seq")
_OFFSET = attrgetter("offset")
_MAX_BREAKS = 64
_SLACK = 16
"""A view's list holds at most one evicted entry for each 16 live ones. Removing each at once would cost the list's
length."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much history a log keeps. The oldest events are evicted as soon as any one bound is exceeded."""

    max_events: int
    max_bytes: int
    max_age: float
    """Seconds since the event arrived here (docs/architecture.md, rule 9)."""


@dataclass(frozen=True, slots=True)
class Break:
    """A loss upstream, or the start of another epoch, between two events of a log. It has a `seq` of its own
    (docs/architecture.md, rule 8)."""

    log: Log
    reason: str
    before: Position
    after: Position
    end: Offsets
    """The offset at which each partition that lost something continues."""


class View:
    """One channel in one log: its entries, and what it knows of those that were evicted (docs/architecture.md, rule
    7)."""

    __slots__ = ("base", "entries", "evicted", "head", "log", "lost", "name", "readers", "reason", "total")

    def __init__(self, log: Log, name: str) -> None:
        self.log = log
        self.name = name
        self.entries: list[Entry] = []  # with a head index: an empty deque takes 768 bytes
        self.head = 0
        self.total = 0
        """Weight of all entries that were ever appended."""
        self.evicted = 0
        """The seq after the last evicted entry, or after the last break that the log has forgotten."""
        self.reason = ""
        """Why the last entry was evicted: evicted, expired or epoch."""
        self.lost = _NOTHING
        """The offset after the last evicted entry of each partition."""
        self.base = log.forgotten
        """The offsets below which the log no longer knows what this channel had."""
        self.readers = 0
        """Subscriptions to this channel."""

    def find(self, seq: int) -> int:
        """The index of the first entry at or after `seq`."""
        return bisect_left(self.entries, seq, lo=self.head, key=_SEQ)

    def floor(self) -> dict[str, int]:
        """The first offset of each partition from which this view certainly still holds everything."""
        floor = dict(self.log.begun)
        for part, following in (*self.base.items(), *self.lost.items()):
            floor[part] = max(floor[part], following)
        return floor

    def drop_first(self, reason: str) -> None:
        """Remove the oldest entry, which the log has just evicted."""
        entry = self.entries[self.head]
        self.evicted, self.reason = entry.seq + 1, reason
        if self.lost:
            self.lost[entry.part] = entry.offset + 1
        else:
            self.lost = {entry.part: entry.offset + 1}
        self.head += 1
        if self.head * _SLACK > len(self.entries):
            del self.entries[: self.head]
            self.head = 0


_NOTHING: dict[str, int] = {}  # shared and never filled: an empty dictionary for each view takes 64 bytes


class Log:
    """A source's bounded recent history. The cost of appending and evicting does not depend on the number of
    channels."""

    def __init__(self, index: int, source: str, bounds: Bounds, matches: Callable[[str], bool]) -> None:
        self.index = index
        self.source = source
        self.bounds = bounds
        self.matches = matches
        """Whether this source can ever produce an event of that channel (docs/architecture.md, rule 6)."""
        self.epoch: str | None = None
        self.counts = False
        """Whether the gateway counts the messages itself, because the upstream has no offsets."""
        self.vector = Vector()
        self.opened = 0
        """The seq at which this history began, if there was an earlier one."""
        self.broken = 0
        """The seq after the last break."""
        self.evicted: Counter[str] = Counter()
        self.views: dict[str, View] = {}
        self._forget()

    def _forget(self) -> None:
        self.parts: dict[str, int] = {}
        self.forgotten: Offsets = _NOTHING
        """What the views that have gone had lost. Each new view takes it over."""
        self.entries: deque[Entry] = deque()
        self.bytes = 0
        self.breaks: deque[Break] = deque()
        self.digests: dict[str, int] = {}
        """By the digest of a message's id, the offset after the last entry that has it."""
        self.begun: dict[str, int] = {}
        """The first offset of each partition in this history."""
        self._fragments: list[str] = []
        """The text of each partition in `_text`, which is that of the vector `_written`."""
        self._written = Vector()
        self._text = ""

    @property
    def published(self) -> int:
        """Events that were ever appended."""
        return len(self.entries) + self.evicted.total()

    def open(self, epoch: str, counts: bool) -> None:
        """Begin another history. All entries belong to the earlier one and are evicted."""
        while self.entries:
            self._evict("epoch")
        for view in self.views.values():
            view.lost = view.base = _NOTHING
        self._forget()
        self.epoch, self.counts = epoch, counts
        self.vector = Vector(make_tag(self.source, epoch))
        if counts:
            self.part("", 0)

    def part(self, name: str, begun: int = 0) -> int:
        """The index of the partition `name`. A partition that is new to the log begins at `begun`."""
        index = self.parts.get(name)
        if index is None:
            index = self.parts[name] = len(self.parts)
            self.begun[name] = begun
            self._fragments.append("")
            vector = self.vector
            self.vector = vector._replace(names=(*vector.names, name), next=(*vector.next, begun))
        return index

    def offsets(self) -> dict[str, int]:
        """The next offset of each partition. Empty until the source has been up."""
        return self.vector.named()

    def reached(self, vector: Vector) -> Offsets:
        """The offsets of this history that `vector` has reached: none, if `vector` is of an earlier history."""
        return vector.named() if vector.tag == self.vector.tag else self.begun

    def move(self, part: int, following: int, digest: str = "") -> None:
        """Set the next offset of a partition, and the digest of the last message's id."""
        tag, names, before, _ = self.vector
        moved = (following,) if len(before) == 1 else (*before[:part], following, *before[part + 1 :])
        self.vector = tuple.__new__(Vector, (tag, names, moved, digest))  # a third of what Vector(...) takes

    def view(self, name: str) -> View:
        """The view of the channel `name`, created if it is missing."""
        view = self.views.get(name)
        if view is None:
            view = self.views[name] = View(self, name)
        return view

    def append(
        self, event: Event, seq: int, now: float, part: str, offset: int | None, vectors: list[Vector]
    ) -> Entry | None:
        """Add an event, and evict what then exceeds the bounds. Returns None for an event that the log has had before.
        The call updates this log's vector in `vectors`, which holds those of all logs."""
        index = self.parts.get(part)
        if index is None:
            index = self.part(part)
        _, names, reached, _ = self.vector
        following = reached[index]
        if offset is None:
            offset = following
        elif offset < following:
            return None
        digest = ""
        if event.id and self.counts:
            digest = make_digest(self.source, event.id)
            self.digests[digest] = offset + 1
        self.move(index, offset + 1, digest)
        vectors[self.index] = self.vector
        view = self.views.get(event.channel) or self.view(event.channel)
        part = names[index]  # one string for all entries: the message's own takes 50 bytes
        entry = Entry(event, seq, part, offset, now, view.total, tuple(vectors))
        view.entries.append(entry)
        view.total += entry.weight
        self.entries.append(entry)
        self.bytes += entry.weight
        bounds = self.bounds
        while len(self.entries) > bounds.max_events or self.bytes > bounds.max_bytes:
            self._evict("evicted")
        return entry

    def expire(self, now: float) -> None:
        """Evict what arrived more than `max_age` seconds ago."""
        oldest = now - self.bounds.max_age
        while self.entries and self.entries[0].time < oldest:
            self._evict("expired")

    def _evict(self, reason: str) -> None:
        entry = self.entries.popleft()
        self.bytes -= entry.weight
        self.evicted[reason] += 1
        if self.digests:
            digest = entry.at[self.index].digest
            if self.digests.get(digest) == entry.offset + 1:
                del self.digests[digest]
        view = self.views[entry.channel]
        view.drop_first(reason)
        if not view.entries:
            self.release(view)

    def release(self, view: View) -> None:
        """Remove a view without entries and readers. What it lost is merged into `forgotten` (docs/architecture.md,
        rule 7)."""
        if view.entries or view.readers:
            return
        del self.views[view.name]
        if view.lost:
            self.forgotten = higher(self.forgotten, view.lost)

    def add_break(self, item: Break) -> None:
        """Keep a break. If there are too many, the oldest one is dropped, and everything before it is evicted."""
        self.breaks.append(item)
        self.broken = item.after.seq
        if len(self.breaks) > _MAX_BREAKS:
            seq, at = self.breaks.popleft().after
            while self.entries and self.entries[0].seq < seq:
                self._evict("evicted")
            passed = at[self.index].named()
            for view in self.views.values():
                view.evicted, view.base = max(view.evicted, seq), higher(view.base, passed)
            self.forgotten = higher(self.forgotten, passed)

    def text(self, vector: Vector) -> str:
        """The part of an id for this source at `vector`. A place in an earlier history stays there; otherwise its
        client would return into the present one and never be told. Before the first history, the place is the start of
        the first.

        The text of each partition is cached: with 24 partitions an id takes 2.6 µs instead of 21 (docs/architecture.md,
        rule 14)."""
        if vector is self._written:
            return self._text
        tag, names, following, digest = vector
        if tag != self.vector.tag:
            return write_place(tag, vector.named(), digest) if tag else write_place(self.vector.tag, self.begun)
        if not tag:
            return ""
        fragments, written = self._fragments, self._written.next
        written += (-1,) * (len(following) - len(written))
        for part, number in enumerate(following):
            if written[part] != number:
                fragments[part] = f"_{names[part]}-{base36(number)}"
        pairs = "".join(fragments[: len(following)])
        self._written = vector
        self._text = f".{tag}{pairs}*{digest}" if digest else f".{tag}{pairs}"
        return self._text

    def digest_before(self, following: int) -> str:
        """The digest of the message before the offset `following`, if the gateway counts this source and still holds
        it."""
        if self.counts:
            index = bisect_left(self.entries, following - 1, key=_OFFSET)
            if index < len(self.entries) and self.entries[index].offset == following - 1:
                return self.entries[index].at[self.index].digest
        return ""
