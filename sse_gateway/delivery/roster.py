"""Who is connected: the clients, and the groups of those who asked for the same."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import anyio

from ..core import UNREADABLE, Hub, Log, Subscriber, Subscription, View
from ..sse import Connection
from .client import Client, Group
from .frames import EVENT_STREAM, NDJSON, Format, Frames
from .stream import StreamRequest, open_reader, outcome
from .tally import Tally

if TYPE_CHECKING:
    from ..metrics import Metrics

__all__ = ["Roster"]

logger = logging.getLogger(__name__)


class Roster:
    """The clients of one hub."""

    def __init__(self, hub: Hub, metrics: Metrics, tally: Tally, *, max_id: int) -> None:
        self.clients: dict[Client, None] = {}
        self.empty = anyio.Event()
        """Set while nobody is connected."""
        self._hub = hub
        self._metrics = metrics
        self._frames = {format: Frames(format, tally, max_id) for format in (EVENT_STREAM, NDJSON)}
        self._groups: dict[Subscription, dict[Format, Group]] = {}
        self._unresumable: set[tuple[Log, ...]] = set()

    def enter(self, request: StreamRequest, connection: Connection, now: float) -> Client:
        """A client comes. Where it does not resume it stands where its group does, which may wait for a flush."""
        reader = open_reader(request, self._hub)
        group = self._group(reader.subscription, request.format)
        group.refresh(self._hub.mark())
        if reader.id == UNREADABLE:
            self._warn(reader.subscription.scope)
        if request.last_event_id is not None:
            self._metrics.resumes.labels(outcome(reader.notices)).inc()
        if reader.wanted is None:
            notices, reader = reader.notices, group.reader.fork()
            reader.notices = notices
        if not self.clients:
            self.empty = anyio.Event()
        client = Client(connection, group, reader, request.route, now)
        self.clients[client] = None
        group.clients += 1
        self._metrics.clients.labels(client.route).inc()
        self._metrics.clients_opened.labels(client.route).inc()
        return client

    def leave(self, client: Client) -> Group | None:
        """A client has gone. Returns its group where it was the last one of it."""
        group = client.group
        del self.clients[client]
        group.ready.pop(client, None)
        group.clients -= 1
        self._hub.unsubscribe(group.reader)
        self._metrics.clients.labels(client.route).dec()
        self._metrics.clients_closed.labels(client.route, client.connection.reason or "client").inc()
        if not self.clients:
            self.empty.set()
        if group.clients:
            return None
        groups = self._groups[group.subscription]
        del groups[group.frames.format]
        if not groups:
            del self._groups[group.subscription]
        return group

    def groups_of(self, views: Iterable[View]) -> Iterator[Group]:
        """The groups that read any of these channels, each once."""
        for subscription in {subscription for view in views for subscription in view.subscriptions}:
            yield from self._groups.get(subscription, {}).values()

    def _group(self, subscription: Subscription, format: Format) -> Group:
        groups = self._groups.setdefault(subscription, {})
        if format not in groups:
            groups[format] = Group(self._frames[format], Subscriber(subscription, self._hub.mark()))
        return groups[format]

    def _warn(self, scope: tuple[Log, ...]) -> None:
        if scope not in self._unresumable:
            self._unresumable.add(scope)
            logger.warning(
                "event ids are too long: clients that read these sources together can't resume",
                extra={"sources": [log.source for log in scope], "partitions": sum(len(log.parts) for log in scope)},
            )
