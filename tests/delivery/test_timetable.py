"""What is due when, and for which of several reasons: decided without a loop, and told as actions."""

from __future__ import annotations

from typing import Any

import pytest

from sse_gateway.config import LimitsConfig
from sse_gateway.core import Event, Hub
from sse_gateway.delivery.client import Client, Departure, Group, State
from sse_gateway.delivery.joins import Frames, Tally
from sse_gateway.delivery.timetable import Action, Beat, BeatHeld, Drop, GiveUp, Leave, Timetable
from sse_gateway.metrics import Metrics
from sse_gateway.sse.wire import EVENT_STREAM

from .stage import BOUNDS


class Connection:
    """As much of one as is looked at."""

    def __init__(self) -> None:
        self.pending = False


class Roster:
    """Clients in the states that a test says."""

    def __init__(self) -> None:
        self.states: dict[State, dict[Client, None]] = {state: {} for state in State}


class Desk:
    """A timetable that is asked at the times of the test, from 1000 s on."""

    def __init__(self, **limits: Any) -> None:
        self.hub = Hub(process="p")
        self.log = self.hub.add("s", BOUNDS, lambda name: True)
        self.hub.begin(self.log, "e", {"0": 0})
        self.roster = Roster()
        self.timetable = Timetable(LimitsConfig(**limits), self.roster, 1000.0)  # type: ignore[arg-type]
        self.group = Group(Frames(EVENT_STREAM, Tally(Metrics()), 1024), self.hub.subscribe(["a"]))

    def client(self, state: State = State.READY, *, pending: bool = False) -> Client:
        """One that has come at 1000 s and was ready before."""
        connection = Connection()
        connection.pending = pending
        client = Client(connection, self.group, self.group.reader.fork(), "/r", 1000.0, 1000.0)  # type: ignore[arg-type]
        client.state, client.caught_up = state, True
        self.roster.states[state][client] = None
        self.group.clients += 1
        return client

    def due(self, now: float) -> list[Action]:
        return self.timetable.due(now)


@pytest.mark.parametrize("earlier_first", [True, False])
def test_the_earliest_of_several_reasons_to_leave_wins(earlier_first: bool) -> None:
    """In whatever order they are scheduled."""
    desk = Desk()
    client = desk.client()
    departures = [Departure(1003, "drain", 1), Departure(1005, "lifetime", 2)]
    for departure in departures if earlier_first else reversed(departures):
        desk.timetable.schedule(client, departure)

    assert desk.due(1002.9) == []
    assert desk.due(1003.0) == [Leave(client)]
    assert client.leaving == Departure(1003, "drain", 1)
    assert desk.due(1010.0) == []


def test_a_reason_that_lies_in_the_past_is_due_at_the_next_look() -> None:
    desk = Desk()
    desk.due(1000.5)
    client = desk.client()
    desk.timetable.schedule(client, Departure(1000.0, "drain", 1))
    assert desk.timetable.next == 1000.6
    assert desk.due(1000.6) == [Leave(client)]


def test_nothing_is_due_for_a_client_that_has_left() -> None:
    desk = Desk()
    client = desk.client()
    desk.timetable.schedule(client, Departure(1003, "drain", 1))
    desk.timetable.forget(client)
    assert desk.due(1010.0) == []
    assert not desk.timetable._wheel


@pytest.mark.parametrize("state", [State.BLOCKED, State.CLOSING])
def test_a_write_that_is_pending_for_longer_than_the_timeout_is_given_up(state: State) -> None:
    """A farewell too; one that was taken, or a client that was freed, is not."""
    desk = Desk(send_timeout="5s")
    client = desk.client(state, pending=True)
    taken = desk.client(State.CLOSING)
    assert desk.due(1005.0) == []
    assert desk.due(1005.1) == [Drop(client)]
    assert taken.leaving is None


def test_of_all_that_is_due_for_a_client_one_thing_is_done() -> None:
    """Who takes nothing is cut off, though its time has come and it is too far behind."""
    desk = Desk(send_timeout="5s", client_buffer={"events": 1, "bytes": "1MiB"})
    client = desk.client(State.BLOCKED, pending=True)
    desk.timetable.schedule(client, Departure(1004.0, "lifetime", 1))
    for _ in range(2):
        desk.hub.publish(desk.log, Event("a", b"x"), now=1000, part="0")
    assert desk.due(1005.1) == [Drop(client)]


@pytest.mark.parametrize("buffer", [{"events": 1, "bytes": "1MiB"}, {"events": 1000, "bytes": "33B"}])
def test_a_client_that_is_to_leave_anyway_or_was_never_ready_is_not_called_slow(buffer: dict[str, object]) -> None:
    desk = Desk(client_buffer=buffer)
    client, other, late = (desk.client(State.BLOCKED, pending=True) for _ in range(3))
    late.caught_up = False
    desk.timetable.schedule(client, Departure(1001.0, "lifetime", 1))
    for _ in range(2):
        desk.hub.publish(desk.log, Event("a", b"x"), now=1000, part="0")
    assert set(desk.due(1001.0)) == {Leave(client), Leave(other)}
    assert (client.leaving or other.leaving) == Departure(1001.0, "lifetime", 1)
    assert other.leaving is not None and other.leaving.reason == "slow"
    assert desk.timetable.lag == (2, 2 * 17)


def test_a_group_gets_a_heartbeat_when_it_was_silent_for_long_enough() -> None:
    """One write puts it off, by as much as it came later; the end of the group ends it."""
    desk = Desk(heartbeat="15s")
    client = desk.client()
    desk.timetable.watch(desk.group, 1000.0)
    assert desk.due(1014.9) == []
    assert desk.due(1015.0) == [Beat(desk.group)]
    desk.group.written = 1025.0
    desk.timetable.watch(desk.group, 1026.0)
    assert desk.due(1039.9) == []
    assert desk.due(1040.0) == [Beat(desk.group)]
    desk.group.clients -= 1
    assert desk.due(1100.0) == []
    assert not desk.timetable._wheel
    assert client.leaving is None


def test_a_client_that_is_held_gets_heartbeats_until_it_has_waited_for_five_seconds() -> None:
    """Each a heartbeat after the last write to it."""
    desk = Desk(heartbeat="2s")
    client = desk.client(State.HELD)
    assert desk.due(1002.0) == []
    assert desk.due(1002.1) == [BeatHeld(client)]
    client.written = 1002.1
    assert desk.due(1004.1) == []
    assert desk.due(1005.0) == [BeatHeld(client)]
    assert desk.due(1005.1) == [GiveUp(client)]


def test_a_lifetime_is_a_tenth_longer_or_shorter_and_ends_with_the_usual_retry() -> None:
    desk = Desk(lifetime="100s", retry="7s")
    clients = [desk.client() for _ in range(50)]
    for client in clients:
        desk.timetable.schedule_lifetime(client, 1000.0)
    due = [client.departure for client in clients if client.departure]
    assert all(1090 <= each.at <= 1110 and (each.reason, each.retry) == ("lifetime", 7) for each in due)
    assert len({each.at for each in due}) == len(clients)
    assert desk.due(1089.9) == []
    assert len(desk.due(1110.1)) == 50
