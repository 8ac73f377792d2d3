"""What an Accept header asks for."""

from __future__ import annotations

import pytest

from sse_gateway.public.request import accepts, names

STREAM, NDJSON = "text/event-stream", "application/x-ndjson"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", STREAM),
        ("*/*", STREAM),
        ("text/event-stream", STREAM),
        ("text/*", STREAM),
        ("Text/Event-Stream", STREAM),
        ("application/x-ndjson", NDJSON),
        ("application/*", NDJSON),
        ("application/x-ndjson, text/event-stream", STREAM),
        ("application/x-ndjson, text/event-stream;q=0.5", NDJSON),
        ("text/event-stream;q=0.1, application/x-ndjson;q=0.2", NDJSON),
        ("text/event-stream;q=0, */*", NDJSON),
        ("*/*;q=0.1, application/x-ndjson", NDJSON),
        ("text/event-stream ; charset=utf-8 ; Q=1.000", STREAM),
        ("text/html, application/json", None),
        ("text/event-stream;q=0", None),
        ("*/*;q=0", None),
        ("text/html, */*;q=0.8", STREAM),
        (", ,", STREAM),
    ],
)
def test_the_best_liked_type_wins_and_the_event_stream_where_it_is_all_the_same(header: str, expected: str) -> None:
    assert accepts(header, [STREAM, NDJSON]) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [("text/event-stream", True), ("text/html, text/event-stream;q=0.1", True), ("*/*", False), ("", False)],
)
def test_only_a_client_that_names_the_type_asks_for_it(header: str, expected: bool) -> None:
    assert names(header, STREAM) is expected
