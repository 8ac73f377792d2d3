"""Variables of the environment in the file, and that their values are never shown."""

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


SECRET = "hunter2-is-the-word"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('count = "${X}"', "count: found the value of ${X}, expected a whole number"),
        ('pause = "${X}"', "pause: found the value of ${X}, expected a string with a unit (ms, s, m, h, d), such as"),
        (
            'url = "${X}"',
            "url: found the value of ${X}: refused for a reason that is not shown, because it holds a secret",
        ),
        ('url = "a${X}${Y:-b}"', "url: found the value of ${X} and ${Y}: refused for a reason that is not shown"),
        ('url = "x://${X}"\nloud = true\ncount = 11', "sample: refused for a reason that is not shown"),
        (f'token = ["{SECRET}"]', "token: found an array, expected a string"),
        (f'keys = ["ok", {{ a = "{SECRET}" }}]', "keys[1]: found a table, expected a string"),
        ("token = 4711", "token: found a secret, expected a string"),
    ],
)
def test_a_secret_is_never_shown(text: str, expected: str) -> None:
    [line] = problems(SOURCE + text, X=SECRET)
    assert expected in line
    assert "hunter2" not in line
    assert "4711" not in line


def test_what_the_file_itself_says_is_shown() -> None:
    assert problems(SOURCE + 'url = "nowhere"') == ['sources.demo.sample.url: found "nowhere": nowhere has no scheme']
    assert problems(SOURCE + "loud = true\ncount = 11") == [
        "sources.demo.sample: count = 11 is too many while loud, with amqp://here"
    ]


def test_a_short_secret_is_hidden_too() -> None:
    [line] = problems(SOURCE + 'url = "${X}"', X="ab")
    assert line.startswith("sources.demo.sample.url: found the value of ${X}: refused for a reason that is not shown")
