"""No secret shows in what `check` prints, and what is wrong is named all the same."""

from __future__ import annotations

import ast
import contextlib
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from sse_gateway.config import load
from sse_gateway.connector import Connector
from sse_gateway.errors import ConfigError
from sse_gateway_kafka import KafkaConnector
from sse_gateway_rabbitmq import RabbitMQConnector
from sse_gateway_webhook import WebhookConnector

from .samples import CONNECTORS, SOURCE, problems, read

ROOT = Path(__file__).parents[2]
CLASSES: dict[str, type[Connector[Any]]] = {
    **CONNECTORS,
    "rabbitmq": RabbitMQConnector,  # type: ignore[type-abstract]  # `build` makes one of the mode
    "kafka": KafkaConnector,  # type: ignore[type-abstract]
    "webhook": WebhookConnector,
}
WHOLE: dict[str, Any] = {
    "server": {"host": "127.0.0.1", "port": 8080, "try_page": True, "trusted_proxies": ["10.0.0.0/8"]},
    "admin": {"host": "127.0.0.1", "port": 9090},
    "logs": {"level": "info", "format": "text"},
    "limits": {"clients": 10, "heartbeat": "15s", "client_buffer": {"events": 10, "bytes": "1KiB"}},
    "drain": {"delay": "5s", "spread": "10s", "timeout": "25s", "retry": "3s"},
    "routes": [
        {"path": "/a/{id}", "channels": ["a.{path.id}", "b.{query.x}"], "repeated": ["x"], "busy": "retry"},
        {"path": "/a/b", "channels": ["nobody"]},
    ],
    "sources": {
        "rabbit": {
            "channel": "a.{key}",
            "event": "{headers.type}",
            "data": "{json.a}",
            "max_event": "1KiB",
            "log": {"max_events": 10, "max_bytes": "1KiB", "max_age": "1m"},
            "rabbitmq": {
                "url": "amqps://host/shop",
                "password": "word",
                "mode": "exchange",
                "bindings": [{"exchange": "e", "routing_keys": ["k"], "match": "all"}],
                "tls": {"ca": "ca.pem", "key_password": "word"},
                "start": "next",
                "heartbeat": "10s",
                "prefetch": 5,
            },
        },
        "kafka": {
            "channel": "a.{key}",
            "kafka": {
                "servers": ["h:9092"],
                "topics": ["t"],
                "pattern": "t.*",
                "start": "10m",
                "fetch_wait": "1s",
                "timeout": "5s",
                "sasl": {"mechanism": "OAUTHBEARER", "token_url": "https://id/", "client_secret": "word"},
            },
        },
        "hook": {
            "channel": "b.{path.tenant}",
            "webhook": {"path": "/h/{tenant}", "key": "tenant", "signature": "standard", "secrets": ["whsec_d29yZA=="]},
        },
        "hook2": {"channel": "{path.x}", "webhook": {"path": "/h/{x}", "pending": {"bytes": "1MiB"}}},
        "sample": {
            "channel": "c",
            "sample": {"url": "a://b", "count": 5, "loud": True, "topics": ["t"], "keys": ["k"], "inner": {"size": 2}},
        },
    },
}


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every key, table, array and element of the file."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, item in items:
        yield (*path, part)
        yield from places(item, (*path, part))


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + "}"
    return f"[{', '.join(map(toml, value))}]" if isinstance(value, list) else json.dumps(value)


def told(changes: dict[tuple[str | int, ...], str], **environ: str) -> str:
    """What `check` prints of the whole file with these values in it."""
    data = copy.deepcopy(WHOLE)
    for path, text in changes.items():
        table: Any = data
        with contextlib.suppress(LookupError, TypeError):  # another change has replaced the table that it is in
            for part in path[:-1]:
                table = table[part]
            table[path[-1]] = text
    try:
        text = "\n".join(f"{json.dumps(key)} = {toml(value)}" for key, value in data.items())
        return "\n".join(load(text, CLASSES, environ=environ).warnings())
    except ConfigError as error:
        return str(error)


PLACES = list(places(WHOLE))
SECRET_KEYS = [path for path in PLACES if path[-1] in ("password", "key_password", "client_secret", "keys", "secrets")]
SECRET_KEYS += [(*path, 0) for path in SECRET_KEYS if path[-1] in ("keys", "secrets")]
SECRET_KEYS.append(("sources", "rabbit", "rabbitmq", "url"))
SECRETS = st.text("abcXYZ019 \t\n.*+?()[]{}|^$\\/@:#%&=\"'é-_", min_size=4, max_size=16).filter(
    lambda s: s.strip() == s
)
FORMS = ["${S}", "amqp://${S}@h:x/v", "a://u:${S}@h?q", "h:9092,${S}:1", "a.{${S}}", "/{id}/${S}", "(?P<${S}>", "${S}s"]
LITERAL = ["amqp://{}@h:5/v", "http://u:{}@h", "{}:w@h:9092", "amqp://u:{}@h/?x=1"]


@pytest.mark.filterwarnings("ignore:Possible ")  # of some of the patterns that are drawn, which say nothing of them
@settings(deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from(FORMS), SECRETS, st.sampled_from(PLACES))
@example(("sources",), "${S}", "hunter2", ("admin", "port"))
@example(("sources", "hook2", "webhook", "path"), "/h/${S}", "{hunter2}", ("drain", "retry"))
@example(("sources", "sample", "sample", "url"), "${S}", "hunter 2\n'%", ("drain", "retry"))
def test_the_value_of_a_variable_is_never_shown(
    place: tuple[str | int, ...], form: str, secret: str, other: tuple[str | int, ...]
) -> None:
    assume(secret not in told({other: "nonsense", place: form}, S="0"))
    output = told({other: "nonsense", place: form}, S=secret)
    assert secret not in output
    assert json.dumps(secret)[1:-1] not in output


@settings(deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from(LITERAL), SECRETS, st.booleans())
def test_the_user_of_a_url_is_never_shown(place: tuple[str | int, ...], form: str, secret: str, encoded: bool) -> None:
    written = quote(secret, safe="") if encoded else secret
    assume(not ({secret, written} & set(told({place: form.format("0")}))) and "${" not in secret)
    output = told({place: form.format(written)})
    assert {text for text in (secret, written, json.dumps(secret)[1:-1]) if text in output} == set()


@settings(deadline=None)
@given(st.sampled_from(SECRET_KEYS), SECRETS)
def test_what_stands_in_a_secret_key_is_never_shown(place: tuple[str | int, ...], secret: str) -> None:
    assume("${" not in secret and secret not in told({place: "0"}))
    assert secret not in told({place: secret})


RABBIT = '[sources.o]\nchannel = "o"\n[sources.o.rabbitmq]\nexchange = "e"\nurl = '
SERVER = "amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps:// for TLS"
ESCAPES = f'expected {SERVER}; "/", "@" and ":" in a password are written %2F, %40 and %3A'
OPTIONS = 'the part after "?" or "#" is not read: write options into the table, and "%3F" or "%23"'


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("http://u:${P}@h", f"url: found the value of ${{P}}, expected {SERVER}"),
        ("u:hunter2@h", f"url: found a secret, expected {SERVER}"),
        ("amqp://u:${P}@", f"url: found the value of ${{P}}, expected {SERVER}"),
        ("amqp://u:hunter2@h:port", f"url: found a secret, {ESCAPES}"),
        ("amqp://u:${P}/x@h", f"url: found the value of ${{P}}, {ESCAPES}"),
        ("amqp://u:${P}@h/?x=1", f"url: found the value of ${{P}}: {OPTIONS}"),
    ],
)
@pytest.mark.parametrize("password", ["hunter2", "amqp", "expected", "a", "HOST"])
def test_a_mistake_in_the_url_of_a_broker_is_named(url: str, line: str, password: str) -> None:
    """Even where the password is a word of the sentence."""
    with pytest.raises(ConfigError) as refused:
        load(f'{RABBIT}"{url}"', CLASSES, environ={"P": password}, file="gateway.toml")
    assert refused.value.problems == (f"gateway.toml: sources.o.rabbitmq.{line}",)


HIDDEN = "refused; the reason is not shown because it contains a secret: "


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('count = "${X}"', "count: found the value of ${X}, expected a whole number"),
        (
            'pause = "${X}"',
            'pause: found the value of ${X}, expected a string with a unit (ms, s, m, h, d), such as "30s"',
        ),
        ('url = "${X}"', f"url: found the value of ${{X}}: {HIDDEN}Where it is."),
        ('url = "a${X}${Y:-b}"', f"url: found the value of ${{X}} and ${{Y}}: {HIDDEN}Where it is."),
        ('url = "x://${X}"\nloud = true\ncount = 11', f": {HIDDEN}a value is needed"),
        ('url = "me:hunter2@h"', f'url: found "...@h": {HIDDEN}Where it is.'),
        ('token = ["hunter2"]', "token: found an array, expected a string"),
        ('keys = ["ok", { a = "hunter2" }]', "keys[1]: found a table, expected a string"),
        ("token = 4711", "token: found a secret, expected a string"),
        ('inner = "amqp://me:hunter2@h"', 'inner: found "amqp://...@h", expected a table'),
        (
            '"a://hunter2@h" = 1',
            '"a://...@h": unknown key, expected one of count, inner, keys, loud, pause, ratio, since, ',
        ),
    ],
)
def test_what_holds_a_secret_is_left_out_and_the_rest_is_said(text: str, line: str) -> None:
    """Of a connector whose author raises plain errors that quote its values."""
    [printed] = problems(SOURCE + text, X="hunter2")
    assert printed.startswith(f"sources.demo.sample{'' if line[0] == ':' else '.'}{line}")
    assert "hunter2" not in printed


def test_what_the_file_itself_says_is_shown() -> None:
    assert problems(SOURCE + 'url = "nowhere"') == ['sources.demo.sample.url: found "nowhere": nowhere has no scheme']
    assert problems(SOURCE + "loud = true\ncount = 11") == [
        "sources.demo.sample: count = 11 is too many while loud, with amqp://here"
    ]


def test_no_error_of_ours_is_made_of_a_value() -> None:
    """Its words are shown as they are. The names that stand in them are of keys, units, paths of keys and places."""
    harmless = {"OVERHEAD", "_EXAMPLE", "_EXPECTED", "example", "hint", "known", "min", "mixed", "mode", "name"}
    harmless |= {"escaped", "text", "other", "owner", "place", "token", "units", "words"}
    found = set()
    for file in (*(ROOT / "sse_gateway").rglob("*.py"), *(ROOT / "connectors").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "InvalidValue":
                found |= {name.id for part in node.args for name in ast.walk(part) if isinstance(name, ast.Name)}
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "words":
                found |= {name.id for name in ast.walk(node.value) if isinstance(name, ast.Name)}
    assert found - harmless == set()


def test_a_warning_quotes_nothing() -> None:
    text = 'routes = [{ path = "/x", channels = ["${C}"] }]' + SOURCE
    assert read(text, C="hunter2").warnings() == ["routes[0].channels[0]: no source publishes to this channel"]


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
