"""Variables of the environment in the file."""

from __future__ import annotations

import pytest

from .samples import SOURCE, SampleConfig, problems, read


def options(text: str, **environ: str) -> SampleConfig:
    found = read(SOURCE + text, **environ).sources["demo"].options
    assert isinstance(found, SampleConfig)
    return found


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ("${URL}", {"URL": "a://b"}, "a://b"),
        ("amqp://${USER}:${WORD}@host", {"USER": "me", "WORD": "p}w"}, "amqp://me:p}w@host"),
        ("${URL:-a://default}", {}, "a://default"),
        ("${URL:-a://default}", {"URL": ""}, "a://default"),
        ("${URL:-a://default}", {"URL": "a://set"}, "a://set"),
        ("a://$${URL} $5 {x}", {}, "a://${URL} $5 {x}"),
        ("a://${URL}", {"URL": "${OTHER}"}, "a://${OTHER}"),
        ("a://${URL:-}", {}, "a://"),
        ("a://${URL}", {"URL": ""}, "a://"),
    ],
)
def test_references_are_replaced(text: str, environ: dict[str, str], expected: str) -> None:
    assert options(f'url = "{text}"', **environ).url == expected


def test_a_variable_may_stand_in_an_array_and_in_any_table() -> None:
    config = read('[server]\nhost = "${HOST}"\ntrusted_proxies = ["${PROXY}"]', HOST="::1", PROXY="10.0.0.0/8")
    assert (config.server.host, config.server.trusted_proxies) == ("::1", ("10.0.0.0/8",))


def test_a_variable_may_stand_for_a_number_or_a_boolean() -> None:
    found = options('count = "${N}"\nratio = "${R}"\nloud = "${L:-true}"\ntoken = "${T}"', N="7", R="0.25", T="12345")
    assert (found.count, found.ratio, found.loud) == (7, 0.25, True)
    assert found.token is not None
    assert found.token.get_secret_value() == "12345"


@pytest.mark.parametrize("value", ["true", "1.5", "null", "[1]", "0x10", "", "NaN"])
def test_a_variable_that_is_no_such_number_is_refused(value: str) -> None:
    assert problems(SOURCE + 'count = "${N}"', N=value) == [
        "sources.demo.sample.count: found the value of ${N}, expected a whole number"
    ]


def test_an_unknown_key_is_told_though_a_variable_in_it_is_missing() -> None:
    assert problems('[limts]\nclients = "${N}"') == [
        "limts.clients: the variable N is not set; set it, or write ${N:-default}",
        "limts: unknown key, did you mean limits?",
    ]


def test_all_missing_and_malformed_variables_are_told_with_everything_else() -> None:
    assert problems('[server]\nhost = "${HOST}"\nport = "x"\n[logs]\nformat = "${bad-name}"') == [
        "server.host: the variable HOST is not set; set it, or write ${HOST:-default}",
        "logs.format: found ${ without a name and }, expected ${NAME}; ${ itself is written $${",
        'server.port: found "x", expected a whole number',
    ]


def test_a_table_with_a_missing_variable_is_not_blamed_as_a_whole() -> None:
    assert problems(SOURCE + 'url = "${URL}"\nloud = true\ncount = 11') == [
        "sources.demo.sample.url: the variable URL is not set; set it, or write ${URL:-default}"
    ]
