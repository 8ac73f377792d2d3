"""The grammar of ids (docs/architecture.md, rule 13): what we write we read, and what others write never hurts."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sse_gateway.core import Cursor
from sse_gateway.core.ids import MAX_LENGTH, VERSION, Place, base36, make_digest, make_tag, write_place
from sse_gateway.errors import MalformedCursor

HIGHEST = 2**63 - 1
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
TAGS = st.text(DIGITS, min_size=6, max_size=6)
DIGESTS = st.just("") | st.text(DIGITS, min_size=8, max_size=8)
PAIRS = st.dictionaries(st.text(DIGITS, max_size=8), st.integers(0, HIGHEST), max_size=5)
PLACES = st.dictionaries(TAGS, st.builds(Place, PAIRS, DIGESTS), max_size=8)


def write(places: dict[str, Place]) -> str:
    return VERSION + "".join(write_place(tag, place.next, place.digest) for tag, place in sorted(places.items()))


@given(PLACES)
def test_what_is_written_is_read_back(places: dict[str, Place]) -> None:
    """Any names of partitions, any numbers of 63 bits, with and without a digest (docs/architecture.md, rules 12 and 13)."""
    assert Cursor.parse(write(places)).places == places


@given(st.integers(0, HIGHEST))
def test_base_36_is_read_back_by_int(number: int) -> None:
    assert int(base36(number), 36) == number


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("1", {}),
        ("1.abcdef", {"abcdef": Place({})}),
        ("1.abcdef_-0", {"abcdef": Place({"": 0})}),
        ("1.abcdef_0-z_1-10", {"abcdef": Place({"0": 35, "1": 36})}),
        ("1.abcdef_0-001", {"abcdef": Place({"0": 1})}),
        ("1.abcdef_12345678-0", {"abcdef": Place({"12345678": 0})}),
        ("1.abcdef_0-1y2p0ij32e8e7", {"abcdef": Place({"0": HIGHEST})}),
        ("1.abcdef_-5*12345678", {"abcdef": Place({"": 5}, "12345678")}),
        ("1.abcdef*12345678", {"abcdef": Place({}, "12345678")}),
        ("1.bbbbbb_0-1.aaaaaa", {"aaaaaa": Place({}), "bbbbbb": Place({"0": 1})}),
    ],
)
def test_an_id_of_the_grammar_is_read(text: str, places: dict[str, Place]) -> None:
    assert Cursor.parse(text).places == places


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "2.abcdef_0-1",
        "11",
        "earliest",
        " 1",
        "1 ",
        "1\n",
        "1.",
        "1..abcdef",
        "1.abcdef.",
        "1.abcde",
        "1.abcdefg",
        "1.ABCDEF",
        "1.abcdef_",
        "1.abcdef_0",
        "1.abcdef_0-",
        "1.abcdef_0--1",
        "1.abcdef_0-+1",
        "1.abcdef_0-1_000",
        "1.abcdef_0-A",
        "1.abcdef_A-1",
        "1.abcdef_0-1 ",
        "1.abcdef_0-1\n",
        "1.abcdef_0- 1",
        "1.abcdef_123456789-1",
        "1.abcdef_0-\u0661",
        "1.abcdef_\uff10-1",
        "1.abcdef_0-\uff11",
        "\u0661.abcdef_0-1",
        "1.abcdef_0-1*1234567",
        "1.abcdef_0-1*123456789",
        "1.abcdef_0-1*",
        "1.abcdef_0-1*1234567\u0668",
        "1.abcdef*12345678_0-1",
        "1.abcdef_0-1\0",
        "1.abcdef_0-\udc80",
    ],
    ids=ascii,
)
def test_an_id_outside_the_grammar_is_malformed(text: str) -> None:
    """Only ASCII counts: int() and \\d would take digits of other scripts, signs, blanks and underscores."""
    with pytest.raises(MalformedCursor):
        Cursor.parse(text)


@pytest.mark.parametrize(
    "text", ["1.abcdef_0-1y2p0ij32e8e8", "1.abcdef_0-zzzzzzzzzzzzz", "1.abcdef_0-00000000000001", "1.abcdef_0-1_0-1"]
)
def test_numbers_beyond_63_bits_and_partitions_named_twice_are_malformed(text: str) -> None:
    with pytest.raises(MalformedCursor):
        Cursor.parse(text)


def test_a_source_named_twice_is_malformed() -> None:
    with pytest.raises(MalformedCursor, match="twice"):
        Cursor.parse("1.abcdef_0-1.abcdef_1-1")


def test_as_many_sources_are_read_as_the_length_allows() -> None:
    tags = [f".{number:06}" for number in range(585)]

    assert len(Cursor.parse("1" + "".join(tags)).places) == 585


def test_an_id_of_4_KiB_is_read_and_a_longer_one_is_not_looked_at() -> None:
    text = "1.abcdef" + "".join(f"_{number:05}-{0:03}" for number in range(408)) + "_x-00000"

    assert len(text) == MAX_LENGTH == 4096
    assert len(Cursor.parse(text).places["abcdef"].next) == 409
    with pytest.raises(MalformedCursor, match="4097"):
        Cursor.parse(text + "0")


@given(st.text() | st.text("1.abz_-*") | st.from_regex(r"\A1(\.[0-9a-z]{5,7}(_\w{0,9}-\w{0,14})*(\*\w{7,9})?)*\Z"))
def test_no_text_makes_reading_fail_in_another_way(text: str) -> None:
    """Ids are untrusted. What is read stays in bounds, and reads the same when written again."""
    with suppress(MalformedCursor):
        places = dict(Cursor.parse(text).places)
        assert all(0 <= number <= HIGHEST for place in places.values() for number in place.next.values())
        assert Cursor.parse(write(places)).places == places


def test_a_tag_is_equal_on_every_replica_and_another_one_in_another_epoch() -> None:
    """The value is fixed: replicas of two releases share clients (docs/architecture.md, rule 13)."""
    assert make_tag("orders", "e1") == "8xshon"
    assert len({make_tag(source, epoch) for source in ("a", "b") for epoch in ("", "a", "b")}) == 6
    assert make_tag("a", "bc") != make_tag("ab", "c")


def test_a_digest_is_of_a_source_and_a_message_id() -> None:
    """docs/architecture.md, rule 13."""
    assert make_digest("hooks", "m1") == make_digest("hooks", "m1")
    assert make_digest("hooks", "m1") not in (make_digest("hooks", "m2"), make_digest("other", "m1"))
    assert len(make_digest("hooks", "m1")) == 8
