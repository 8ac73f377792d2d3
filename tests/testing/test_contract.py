"""The contract suites find every way to break the contract: each connector here breaks it in one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence

import pytest

from sse_gateway.testing import MemoryConnector, PublishableContract, ReplayableContract

from . import broken
from .broken import MemoryHooks


@pytest.fixture
async def clean() -> AsyncIterator[None]:
    """What the broken connectors leave open must not fail the tests after this one."""
    yield
    while broken.OPENED:
        os.close(broken.OPENED.pop())
    while broken.TASKS:
        broken.TASKS.pop().cancel()


BROKEN: list[tuple[type[MemoryConnector], str]] = [
    (broken.ForgetsWhenCancelled, "cancelling_receive_loses_nothing"),
    (broken.Reorders, "messages_come_in_order_and_well_formed"),
    (broken.Shouts, "messages_come_in_order_and_well_formed"),
    (broken.CountsInMilliseconds, "messages_come_in_order_and_well_formed"),
    (broken.NamesPartitionsFreely, "messages_come_in_order_and_well_formed"),
    (broken.StandsStill, "positions_move_with_the_messages"),
    (broken.RunsAhead, "positions_move_with_the_messages"),
    (broken.ChangesItsEpoch, "it_is_entered_again_and_again"),
    (broken.ChangesItsEpoch, "replicas_agree_on_the_epoch"),
    (broken.HasNoEpoch, "replicas_agree_on_the_epoch"),
    (broken.EntersOnce, "it_is_entered_again_and_again"),
    (broken.LeavesATask, "leaving_releases_everything"),
    (broken.LeavesADescriptor, "leaving_releases_everything"),
    (broken.LeavesADescriptorWhenRefused, "an_entry_that_is_refused_releases_everything"),
    (broken.LeavesADescriptorWhenCancelled, "an_entry_that_is_cancelled_releases_everything"),
    (broken.ClosesTooLate, "closing_while_it_receives_releases_everything"),
    (broken.RaisesItsLibrarysError, "a_lost_line_is_unavailable"),
    (broken.SaysNothingOfTheLoss, "a_lost_line_is_unavailable"),
    (broken.FailsAnAckAfterTheLoss, "a_lost_line_is_unavailable"),
    (broken.GivesNoReason, "an_entry_that_is_refused_releases_everything"),
    (broken.AcksEverything, "an_acknowledgement_covers_what_came_before_and_nothing_after"),
    (broken.AcksNothing, "what_was_acknowledged_does_not_come_again"),
    (broken.AcksByItself, "what_was_not_acknowledged_comes_again"),
    (broken.IsNeverWell, "it_is_well_while_it_is_connected"),
    (broken.IsLooselyConfigured, "its_configuration_is_a_model_of_its_own"),
    (broken.DescribesNothing, "its_configuration_is_a_model_of_its_own"),
    (broken.StartsLate, "a_replay_begins_and_stops_exactly"),
    (broken.StartsLate, "a_replay_from_where_a_tail_stood_misses_and_repeats_nothing"),
    (broken.StartsEarly, "a_replay_begins_and_stops_exactly"),
    (broken.StartsEarly, "a_replay_from_where_a_tail_stood_misses_and_repeats_nothing"),
    (broken.StopsLate, "a_replay_begins_and_stops_exactly"),
    (broken.StartsAtTheEnd, "a_replay_from_the_start_has_everything"),
    (broken.NeverStops, "a_replay_of_nothing_ends_at_once"),
    (broken.BoundsFallShort, "bounds_lie_around_the_history"),
    (broken.ReplaysInAnotherEpoch, "a_replay_is_of_the_same_epoch"),
    (broken.TakesTheTailsLine, "a_replay_and_a_tail_do_not_disturb_each_other"),
    (broken.StartsWhereItCan, "what_was_dropped_is_expired"),
    (broken.DoesNotSayWhereItBegins, "what_was_dropped_is_expired"),
    (broken.FindsTimesTooLate, "times_are_found"),
    (broken.DropsHeaders, "what_is_published_is_received"),
    (broken.DropsTheId, "what_is_published_is_received"),
    (broken.PublishesNothing, "what_is_published_is_received"),
    (broken.PublishesBackwards, "publishing_keeps_the_order_of_a_key"),
]


class Suite(MemoryHooks, ReplayableContract, PublishableContract):
    patience = 0.3
    settling = 0.05

    async def send(self, bodies: Sequence[bytes]) -> None:
        """All at once."""
        for body in bodies:
            self.memory.put(body)


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(("kind", "test"), BROKEN, ids=lambda value: getattr(value, "__name__", value))
async def test_a_broken_connector_fails(kind: type[MemoryConnector], test: str) -> None:
    suite = Suite()
    suite.kind = kind
    suite.open()
    with pytest.raises((Exception, pytest.fail.Exception)):
        await getattr(suite, f"test_{test}")()


def test_every_test_of_the_suites_fails_for_some_broken_connector() -> None:
    tests = {name.removeprefix("test_") for name in dir(Suite) if name.startswith("test_")}
    assert tests == {test for _, test in BROKEN}


class Bare(ReplayableContract):
    connector = MemoryHooks.connector
    send = MemoryHooks.send
    knows_times = False


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ("a_lost_line_is_unavailable", "break_line() is not written"),
        ("an_entry_that_is_refused_releases_everything", "unreachable() is not written"),
        ("what_was_not_acknowledged_comes_again", "redelivers is False"),
        ("an_acknowledgement_covers_what_came_before_and_nothing_after", "redelivers is False"),
        ("what_was_dropped_is_expired", "trim() is not written"),
        ("times_are_found", "knows_times is False"),
    ],
)
async def test_what_the_author_cannot_do_is_skipped_with_the_reason(test: str, reason: str) -> None:
    with pytest.raises(pytest.skip.Exception) as skipped:
        await getattr(Bare(), f"test_{test}")()
    assert reason in str(skipped.value)


async def test_without_its_hooks_a_suite_says_so() -> None:
    suite = ReplayableContract()
    for act in (suite.connector(), suite.send([]), suite.trim()):
        with pytest.raises(NotImplementedError):
            await act
