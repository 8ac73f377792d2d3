"""The state of a source tells what is news."""

from __future__ import annotations

from sse_gateway.sources.supervisor import SourceState


def test_it_begins_as_connecting() -> None:
    state = SourceState(since=5.0)
    assert (state.status, state.since, state.last_error, state.last_message, state.been_up) == (
        "connecting",
        5.0,
        None,
        None,
        False,
    )


def test_a_change_of_status_is_news_and_has_its_time() -> None:
    state = SourceState(since=1.0)
    assert state.change("up", 2.0)
    assert (state.status, state.since, state.been_up) == ("up", 2.0, True)
    assert not state.change("up", 3.0)
    assert state.since == 2.0


def test_another_reason_to_be_down_is_news_but_no_new_beginning() -> None:
    state = SourceState(since=1.0)
    assert state.change("down", 2.0, "refused")
    assert not state.change("down", 3.0, "refused")
    assert state.change("down", 4.0, "wrong password")
    assert (state.since, state.last_error, state.been_up) == (2.0, "wrong password", False)


def test_the_last_error_is_kept_while_it_is_up() -> None:
    state = SourceState(since=1.0)
    state.change("down", 2.0, "refused")
    state.change("up", 3.0)
    assert (state.last_error, state.been_up) == ("refused", True)
