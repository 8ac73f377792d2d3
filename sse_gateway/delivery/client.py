"""The clients: who is connected, the state of each, and the groups that share each write."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

import anyio

from ..core import UNREADABLE, Cursor, Hub, Log, Notice, Place, Position, Reader, Reset, Subscription
from ..errors import MalformedCursor
from ..sse import Connection, Send
from ..sse.stream import jittered
from ..sse.wire import EVENT_STREAM, NDJSON, Format
from .joins import Batch, Frames, Tally

logger = logging.getLogger(__name__)


class State(Enum):
    """What may be written to a client."""

    OPENING = "opening"
    """Nothing: its request is still sending the head and the opening."""
    READY = "ready"
    """What its group is sent: it stands at the group's position and takes each write at once."""
    BEHIND = "behind"
    """What it reads by itself in its turn: it was blocked, or has just connected."""
    HELD = "held"
    """Only heartbeats: its id is ahead of this replica."""
    BLOCKED = "blocked"
    """Nothing: a write is pending."""
    CLOSING = "closing"
    """Nothing more: the farewell is sent, or pending."""
    GONE = "gone"
    """Nothing more: it was aborted, or has left."""


class Departure(NamedTuple):
    """When and why a client is to leave."""

    at: float
    """In seconds of the fan-out's clock."""
    reason: str
    retry: float
    """The farewell tells it to reconnect after this many seconds, or up to twice as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRequest:
    """A request for a stream. Its channels and its permission have been checked."""

    channels: tuple[str, ...]
    format: Format
    route: str
    """The path template of the route, which labels its metrics."""
    last_event_id: str | None = None
    """An id of the gateway's, `earliest` or `latest`. None if the client does not ask to resume."""


@dataclass(eq=False, slots=True)
class Client:
    """One open stream. Only `Roster.move` changes its state."""

    connection: Connection
    group: Group
    reader: Reader | None
    """None while the client is ready: then it stands where its group's reader does."""
    route: str
    opened: float
    written: float
    """When the last write to this client alone began, or the last write that blocked."""
    state: State = State.OPENING
    caught_up: bool = False
    """Whether it was ever ready. Until then `limits.client_buffer` does not apply, because it asked for what it is
    behind."""
    departure: Departure | None = None
    """The earliest of the departures that were scheduled for it."""
    leaving: Departure | None = None
    """The one that is due. The client gets its farewell as soon as it takes a write."""

    @property
    def subscriber(self) -> Reader:
        """The reader that stands where this client does."""
        return self.reader or self.group.reader

    def opening(self, retry: float) -> bytes:
        """The first bytes: when to reconnect, the id to reconnect with, and the result of its resume
        (docs/architecture.md, rule 4)."""
        frames, reader, id = self.group.frames, self.subscriber, self.subscriber.id
        opening = frames.format.control("gateway.at", id=id, retry=jittered(retry))
        if reader.notices:
            return opening + frames.notices(reader.notices, id)
        if reader.resumed:
            return opening + frames.format.control("gateway.resumed", {"from": "log"}, id=id)
        return opening

    def farewell(self, departure: Departure) -> bytes:
        """The last bytes: why the stream ends, when to reconnect, and the id to reconnect with."""
        form, retry = self.group.frames.format, jittered(departure.retry)
        return form.control("gateway.bye", {"reason": departure.reason}, id=self.subscriber.id, retry=retry)


@dataclass(eq=False, slots=True)
class Group:
    """The clients of one subscription in one format. The ready ones stand at the position of `reader`."""

    frames: Frames
    reader: Reader
    ready: dict[Client, Send] = field(default_factory=dict)
    clients: int = 0
    unfinished: bool = False
    """Whether something is left to read for the ready clients."""
    written: float | None = None
    """When it was last written to. Before that, when its first client came."""

    def refresh(self, hub: Hub) -> bool:
        """Move to the hub's position, unless news in these channels wait for a flush. Returns whether it moved."""
        if self.unfinished or hub.is_changed(self.reader.subscription):
            return False
        self.reader.move_to(hub.position)
        return True

    def take(self, upto: Position) -> Batch | None:
        """The next write for the ready clients."""
        if not self.ready:
            self.reader.move_to(upto)
            self.unfinished = False
            return None
        batch = self.frames.take(self.reader, upto)
        self.unfinished = self.reader.position.seq < upto.seq
        return batch


class Roster:
    """The clients of one hub, by state and by group."""

    def __init__(self, hub: Hub, tally: Tally, *, max_id: int, wake: Callable[[], None]) -> None:
        """`max_id` is in bytes. `wake` is called when a client becomes `BEHIND`."""
        self.clients: dict[Client, None] = {}
        self.empty = anyio.Event()
        """Set when the last client has left."""
        self.states: dict[State, dict[Client, None]] = {state: {} for state in State}
        """The clients in each state but READY, in the order in which they entered it. The ready ones are in their
        groups."""
        self._hub = hub
        self._metrics = tally.metrics
        self.wake = wake
        self._frames = {format: Frames(format, tally, max_id) for format in (EVENT_STREAM, NDJSON)}
        self._groups: dict[Subscription, dict[Format, Group]] = {}
        self._unresumable: set[tuple[Log, ...]] = set()

    @property
    def lagging(self) -> int:
        """The number of clients that are behind, held, blocked or closing."""
        return sum(len(self.states[state]) for state in (State.BEHIND, State.HELD, State.BLOCKED, State.CLOSING))

    def enter(self, request: StreamRequest, connection: Connection, now: float) -> Client:
        """Add a client. Unless it resumes, it starts at the position of its group."""
        reader = _open_reader(request, self._hub)
        group = self._group(reader.subscription, request.format)
        group.refresh(self._hub)
        if reader.id == UNREADABLE:
            self._warn(reader.subscription.scope)
        if request.last_event_id is not None:
            self._metrics.resumes.labels(_outcome(reader.notices)).inc()
        if reader.shares_ids:
            notices, reader = reader.notices, group.reader.fork()
            reader.notices = notices
        if not self.clients:
            self.empty = anyio.Event()
        client = Client(connection, group, reader, request.route, now, now)
        self.clients[client] = self.states[client.state][client] = None
        group.clients += 1
        self._metrics.clients.labels(client.route).inc()
        self._metrics.clients_opened.labels(client.route).inc()
        return client

    def leave(self, client: Client) -> None:
        """Remove a client, and its group with the group's last client."""
        self.move(client, State.GONE)
        del self.clients[client], self.states[State.GONE][client]
        group, subscription = client.group, client.group.reader.subscription
        group.clients -= 1
        self._hub.unsubscribe(group.reader)
        self._metrics.clients.labels(client.route).dec()
        self._metrics.clients_closed.labels(client.route, client.connection.reason or "client").inc()
        if not self.clients:
            self.empty.set()
        if not group.clients:
            del self._groups[subscription][group.frames.format]
            if not self._groups[subscription]:
                del self._groups[subscription]

    def move(self, client: Client, state: State) -> None:
        """Change the state of a client, and with it the collection that holds it and the reader that it has."""
        if client.state is State.READY:
            del client.group.ready[client]
            client.reader = client.group.reader.fork()
        else:
            del self.states[client.state][client]
        client.state = state
        if state is State.READY:
            client.group.ready[client] = client.connection.send
            client.reader, client.caught_up = None, True
        else:
            self.states[state][client] = None
        if state is State.BEHIND:
            self.wake()

    def groups_of(self, subscriptions: Iterable[Subscription]) -> Iterator[Group]:
        """The groups of these subscriptions."""
        for subscription in subscriptions:
            yield from self._groups.get(subscription, {}).values()

    def _group(self, subscription: Subscription, format: Format) -> Group:
        groups = self._groups.setdefault(subscription, {})
        if format not in groups:
            groups[format] = Group(self._frames[format], Reader(subscription, self._hub.position))
        return groups[format]

    def _warn(self, scope: tuple[Log, ...]) -> None:
        if scope not in self._unresumable:
            self._unresumable.add(scope)
            logger.warning(
                "event ids are too long: clients that read these sources together can't resume",
                extra={"sources": [log.source for log in scope], "partitions": sum(len(log.parts) for log in scope)},
            )


def _open_reader(request: StreamRequest, hub: Hub) -> Reader:
    """A reader at the position that the request asks for. If the id is malformed, it starts now and the client is told:
    after an error status an EventSource would give up, and a replay of everything would repeat events."""
    cursor, text = None, request.last_event_id
    if text == "earliest":
        cursor = Cursor({log.vector.tag: Place({}) for log in hub.logs if log.vector.tag})
    elif text is not None and text != "latest":
        try:
            cursor = Cursor.parse(text)
        except MalformedCursor:
            reader = hub.subscribe(request.channels)
            reader.notices = tuple(Reset(log.source, "malformed") for log in reader.subscription.scope)
            return reader
    return hub.subscribe(request.channels, cursor)


def _outcome(notices: tuple[Notice, ...]) -> str:
    """The label under which a resume is counted."""
    if not notices:
        return "log"
    return "reset" if any(isinstance(notice, Reset) for notice in notices) else "gap"
