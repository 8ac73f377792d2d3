"""The words for what is wrong in a connector's own table, whatever its author declared."""

from __future__ import annotations

import pytest

from .samples import SOURCE, problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("topics = 5", "topics: found 5, expected a string or an array"),
        ("topics = [5]", "topics[0]: found 5, expected a string"),
        ("inner = { size = 0 }", "inner.size: found 0, expected 1 or more"),
        ("inner = { size = 3 }", "inner.size: found 3: input should be a multiple of 2"),
        ("inner = { siz = 3 }", "inner.siz: unknown key, did you mean size?"),
        ("inner = 5", "inner: found 5, expected a table"),
        ('url = "' + "long" * 50 + '"', 'url: found "longlong'),
        ('"a\\nb" = 1', '"a\\nb": unknown key, expected one of count, inner, '),
        ('url = "two\\nlines"', 'url: found "two\\nlines": two lines has no scheme'),
    ],
)
def test_each_error_is_one_clear_line(text: str, expected: str) -> None:
    [line] = problems(SOURCE + text)
    assert line.startswith("sources.demo.sample." + expected)
    assert "\n" not in line


def test_what_is_wrong_in_an_element_is_not_blamed_on_the_array_too() -> None:
    assert problems('[[routes]]\npath = "/x"\nchannels = [5]') == ["routes[0].channels[0]: found 5, expected a string"]
