"""`EventStreamParser` reads event streams as the HTML standard says, however they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sse_gateway.testing import EventStreamParser, ReceivedEvent


def message(data: str, *, type: str = "message", id: str = "") -> ReceivedEvent:
    return ReceivedEvent(type, data, id)


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        # the four examples of the standard, section 9.2.6
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [message("YHOO\n+2\n10")]),
        (
            b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            [message("first event", id="1"), message("second event"), message(" third event")],
        ),
        (b"data\n\ndata\ndata\n\ndata:", [message(""), message("\n")]),
        (b"data:test\n\ndata: test\n\n", [message("test"), message("test")]),
        # and what else it says
        (b"event: add\ndata: 1\n\ndata: 2\n\n", [message("1", type="add"), message("2")]),
        (b"event: add\n\ndata: 1\n\n", [message("1")]),
        (b"id: 7\n\ndata: 1\n\n", [message("1", id="7")]),
        (b"id: 7\ndata: 1\n\nid: a\0b\ndata: 2\n\n", [message("1", id="7"), message("2", id="7")]),
        (b"data: a\r\rdata: b\r\n\r\ndata: c\n\n", [message("a"), message("b"), message("c")]),
        (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", [message("a")]),
        (b"data: \xff\n\n", [message("\ufffd")]),
        (b"nonsense\nfoo: bar\n data: x\ndata: a: b\n\n", [message("a: b")]),
        ("data: \u2028\u0085 é\n\n".encode(), [message("\u2028\u0085 é")]),
        (b"data: cut", []),
    ],
)
def test_it_reads_as_the_standard_says(stream: bytes, events: list[ReceivedEvent]) -> None:
    assert EventStreamParser().feed(stream) == events


def test_it_keeps_what_is_no_event() -> None:
    parser = EventStreamParser()
    parser.feed(b": hello\n:\n:: x\nretry: 250\nretry: 2s\nretry: \xc2\xb2\n\n")
    assert (parser.comments, parser.retry) == (["hello", "", ": x"], 250)


def test_an_id_counts_only_once_its_block_is_complete() -> None:
    parser = EventStreamParser()
    parser.feed(b"id: 1\n\nid: 2\n")
    assert parser.last_event_id == "1"
    parser.feed(b"\n")
    assert parser.last_event_id == "2"


pieces = st.lists(
    st.sampled_from(
        [b"data: x", b"data: \xc3\xa9", b"id: 3", b"event: e", b": c", b"\n", b"\r", b"\r\n", b"\xef\xbb\xbf"]
    ),
    max_size=30,
)


@given(pieces, st.data())
def test_it_does_not_matter_where_the_stream_is_cut(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    whole, cut = EventStreamParser(), EventStreamParser()
    events = [
        event
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for event in cut.feed(stream[start:end])
    ]
    assert events == whole.feed(stream)
    assert (cut.comments, cut.last_event_id) == (whole.comments, whole.last_event_id)
