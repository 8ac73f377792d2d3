"""Where a reader stands that comes back with an id, and what of it can't be honoured."""

from __future__ import annotations

from collections.abc import Mapping

from . import loss
from .cursor import Cursor, Place
from .event import Vector
from .log import Log
from .notice import Notice, Reset
from .subscriber import Mark, Subscriber, Subscription

__all__ = ["resume"]


def resume(subscription: Subscription, cursor: Cursor, at: tuple[Vector, ...]) -> Subscriber:
    """A subscriber that goes on where `cursor` stands: from the first event that is held, less what lies below it.

    Sources merge in another order on every replica, so an id is a filter and never one point in this hub's order.
    """
    logs = subscription.scope
    tags = {vector.tag for vector in at}
    strangers = {tag: place for tag, place in cursor.places.items() if tag not in tags}
    places = {log: _find(log, cursor, strangers) for log in logs}
    wanted = {log: (log.vector.tag, _wanted(log, place)) for log, place in places.items() if log.vector.tag}
    subscriber = Subscriber(subscription, Mark(0, (Vector(),) * len(at)), wanted)
    subscriber.notices = (*_resets(places, strangers), *loss.find_missing(subscriber))
    crossed = any(loss.crosses(subscriber, item) for log in logs for item in log.breaks)
    subscriber.resumed = not subscriber.notices and not crossed
    return subscriber


def _find(log: Log, cursor: Cursor, strangers: Mapping[str, Place]) -> Place | None:
    """The place of a log in an id: by its tag or, where each process counts for itself, by its last message's mark."""
    place = cursor.places.get(log.vector.tag)
    if place is None and log.counts:
        known = [log.marks[other.mark] for other in strangers.values() if other.mark in log.marks]
        place = Place({"": max(known)}) if known else None
    return place


def _wanted(log: Log, place: Place | None) -> dict[str, int]:
    """A source that the id does not name is live from now; a partition that it does not name is new."""
    return log.positions() if place is None else dict(place.next)


def _resets(places: Mapping[Log, Place | None], strangers: Mapping[str, Place]) -> list[Notice]:
    unknown = [tag for tag, place in strangers.items() if not any(place.mark in log.marks for log in places)]
    unnamed = [log.source for log, place in places.items() if place is None]
    if not unknown:
        return []
    return [Reset(source, "epoch") for source in unnamed] or [Reset(tag, "unknown") for tag in unknown]
