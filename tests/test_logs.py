"""The lines that the gateway writes about itself."""

from __future__ import annotations

import io
import json
import logging
from typing import Literal

import pytest

from sse_gateway import logs
from sse_gateway.config import LogsConfig

pytestmark = pytest.mark.usefixtures("restored_logging")


def configured(format: Literal["text", "json"], level: Literal["info", "warning"] = "info") -> io.StringIO:
    stream = io.StringIO()
    logs.configure(LogsConfig(level=level, format=format), stream)
    return stream


def test_a_text_line_has_time_level_message_and_fields() -> None:
    stream = configured("text")

    logging.getLogger("sse_gateway.x").info("source is up", extra={"source": "orders", "seconds": 1.5})

    time, level, rest = stream.getvalue().split(None, 2)
    assert time.endswith("Z") and len(time) == len("2026-11-22T10:00:00.000Z")
    assert level == "INFO"
    assert rest == "source is up source=orders seconds=1.5\n"


@pytest.mark.parametrize("value", ["two words", 'a "quote"', "a=b", "", "line\nbreak", "\x1b[31m"])
def test_a_field_that_is_not_one_plain_word_is_quoted_and_never_breaks_the_line(value: str) -> None:
    stream = configured("text")

    logging.getLogger("sse_gateway.x").info("lost", extra={"error": value})

    line = stream.getvalue()
    assert line.count("\n") == 1 and "\x1b" not in line
    assert json.loads(line.split("error=", 1)[1]) == value


def test_a_message_never_breaks_its_line() -> None:
    stream = configured("text")

    logging.getLogger("some.library").warning("first\nsecond")

    assert stream.getvalue().count("\n") == 1


def test_a_json_line_has_the_same_and_the_traceback_in_one_object() -> None:
    stream = configured("json")
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("sse_gateway.x").exception("a bug", extra={"source": "orders"})

    line = json.loads(stream.getvalue())

    assert line.pop("time").endswith("Z")
    assert "ValueError: broken" in line.pop("traceback")
    assert line == {"level": "error", "logger": "sse_gateway.x", "message": "a bug", "source": "orders"}


def test_what_is_below_the_level_is_not_written() -> None:
    stream = configured("text", "warning")

    logging.getLogger("sse_gateway.x").info("no")
    logging.getLogger("sse_gateway.x").warning("yes")

    assert "yes" in stream.getvalue() and "no" not in stream.getvalue()


def test_configuring_twice_writes_each_line_once() -> None:
    configured("text")
    stream = configured("text")

    logging.getLogger("sse_gateway.x").info("once")

    assert stream.getvalue().count("once") == 1


def test_libraries_are_heard_from_warnings_on() -> None:
    stream = configured("text")

    logging.getLogger("aiormq.connection").info("a heartbeat")
    logging.getLogger("aiormq.connection").warning("trouble")
    logging.getLogger("aiokafka.consumer").error("ten times a second")

    assert "heartbeat" not in stream.getvalue() and "trouble" in stream.getvalue()
    assert "ten times" not in stream.getvalue()
