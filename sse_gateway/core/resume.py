"""Where a reader stands that comes back with an id, and what of it can't be honoured."""

from __future__ import annotations

from collections.abc import Mapping

from .event import Vector
from .ids import Cursor, Place
from .log import Log
from .loss import Reset
from .reader import Wanted


def judge(cursor: Cursor, scope: tuple[Log, ...], at: tuple[Vector, ...]) -> tuple[dict[Log, Wanted], list[Reset]]:
    """What is wanted of each source of the scope, and what of the id can't be honoured. `at`: where all sources stand.

    Sources merge in another order on every replica, so an id is a filter and never one point in this hub's order.
    """
    tags = {vector.tag for vector in at}
    strangers = {tag: place for tag, place in cursor.places.items() if tag not in tags}
    places = {log: _find(log, cursor, strangers) for log in scope}
    # A source that the id does not name is live from now; a partition that it does not name is new.
    wanted = {
        log: Wanted(log.vector.tag, log.offsets() if place is None else place.next)
        for log, place in places.items()
        if log.vector.tag
    }
    unknown = [tag for tag, place in strangers.items() if not any(place.digest in log.digests for log in scope)]
    if not unknown:
        return wanted, []
    unnamed = [Reset(log.source, "epoch") for log, place in places.items() if place is None]
    return wanted, unnamed or [Reset(tag, "unknown") for tag in unknown]


def _find(log: Log, cursor: Cursor, strangers: Mapping[str, Place]) -> Place | None:
    """The place of a log in an id: by its tag or, where each process counts for itself, by its last message's digest."""
    place = cursor.places.get(log.vector.tag)
    if place is None and log.counts:
        known = [log.digests[other.digest] for other in strangers.values() if other.digest in log.digests]
        place = Place({"": max(known)}) if known else None
    return place
