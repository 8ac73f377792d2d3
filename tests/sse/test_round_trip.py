"""What is encoded is what a browser gets: an independent parser reads it back, wherever the bytes are cut."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sse_gateway.sse import ensure_bytes

from . import streams

text = st.text(max_size=12) | st.sampled_from(streams.NASTY)
fields = st.fixed_dictionaries(
    {},
    optional={
        "data": text | st.integers() | st.none(),
        "event": text | st.none(),
        "id": text | st.integers() | st.none(),
        "retry": st.integers() | st.booleans() | st.none(),
        "comment": text | st.none(),
    },
)


@settings(max_examples=400, deadline=None)
@given(st.lists(fields, max_size=4), st.sampled_from(streams.SEPARATORS))
def test_every_event_arrives_wherever_the_stream_is_cut(sent: list[dict[str, Any]], sep: str) -> None:
    stream = b"".join(ensure_bytes(fields, sep) for fields in sent)
    expected = streams.Expected()
    for fields in sent:
        expected.take(fields)
    for cut in range(len(stream) + 1):
        streams.compare(stream, expected, cut=cut)


def test_no_value_forges_a_field_in_20_000_random_events() -> None:
    streams.fuzz(20_000, seed=4)


def test_the_comparison_finds_a_forged_field() -> None:
    expected = streams.Expected()
    expected.take({"data": "x\ndata: y"})
    with pytest.raises(AssertionError):
        streams.compare(b"data: x\ndata: y\n\n", expected, cut=0)
