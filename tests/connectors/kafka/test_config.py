"""The table `[sources.NAME.kafka]`."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from sse_gateway.connector import Publishable, Replayable
from sse_gateway_kafka import KafkaConfig, KafkaConnector
from sse_gateway_kafka.survey import moment

GROUP = {"topics": ["t"], "mode": "group", "group": "g", "single_replica": True}
SCRAM = {"username": "u", "password": "s3cret"}


def made(**given: Any) -> KafkaConfig:
    return KafkaConfig.model_validate({"servers": ["localhost:9092"], **given})


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, 'either topics = ["..."] or pattern = "..."'),
        ({"topics": ["t"], "pattern": "t.*"}, 'either topics = ["..."] or pattern = "..."'),
        ({"topics": ["t"], "servers": []}, "at least 1 item"),
        ({"topics": ["t"], "servers": ["localhost"]}, 'expected "host:port"'),
        ({"topics": ["t"], "servers": ["localhost:"]}, 'expected "host:port"'),
        ({"topics": ["a b"]}, "expected 1 to 249 letters"),
        ({"topics": ["t", "t"]}, "a topic is named twice"),
        ({"pattern": "("}, "expected a regular expression; the error is at character "),
        ({"topics": ["t"], "mode": "group"}, 'mode = "group" and group = "..." go together'),
        ({"topics": ["t"], "group": "g"}, 'mode = "group" and group = "..." go together'),
        ({**GROUP, "single_replica": False}, "gives each message to only one replica"),
        ({"topics": ["t"], "session": "5s"}, '`session` belongs to mode = "group"'),
        ({"topics": ["t"], "start": "yesterday"}, 'expected "latest", "earliest", a time with its zone'),
        ({"topics": ["t"], "start": "2026-01-31T12:00:00"}, "a time needs its zone"),
        ({"topics": ["t"], "fetch_wait": "10s"}, "fetch_wait must be shorter than timeout"),
        ({"topics": ["t"], "batch": 0}, "greater than or equal to 1"),
        ({"topics": ["t"], "refresh": "0s"}, "greater than or equal to 0.1"),
        ({"topics": ["t"], "tls": {"key": "k.pem"}}, 'key and key_password need certificate = "..."'),
        ({"topics": ["t"], "sasl": {}}, "this mechanism needs username and password"),
        ({"topics": ["t"], "sasl": {"mechanism": "OAUTHBEARER"}}, "needs either token_file or token_url"),
        (
            {"topics": ["t"], "sasl": {"mechanism": "OAUTHBEARER", "token_url": "https://id/"}},
            "token_url needs client_id and client_secret",
        ),
        (
            {"topics": ["t"], "sasl": {"mechanism": "OAUTHBEARER", "token_url": "file:///etc/passwd"}},
            "begins with https",
        ),
        ({"topics": ["t"], "sasl": {"mechanism": "GSSAPI"}}, "'PLAIN', 'SCRAM-SHA-256'"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_reason(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError) as refused:
        made(**given)
    assert problem in str(refused.value)


@pytest.mark.parametrize("given", [{"topics": ["t"]}, {"pattern": "t-.*"}, GROUP, {"topics": ["t"], "sasl": SCRAM}])
def test_what_fits_is_taken(given: dict[str, Any]) -> None:
    assert made(**given).timeout == 10.0


def test_each_mode_has_a_class() -> None:
    """Only what every replica reads by itself can be read again; both can be written to."""
    assign, group = (KafkaConnector.build(made(**given), "orders") for given in ({"topics": ["t"]}, GROUP))
    assert (isinstance(assign, Replayable), isinstance(group, Replayable)) == (True, False)
    assert isinstance(assign, Publishable) and isinstance(group, Publishable)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("latest", math.inf),
        ("earliest", 0.0),
        ("10m", 999_400.0),
        ("30d", 0.0),
        ("1970-01-01T01:00:00+01:00", 0.0),
        ("2026-01-31T12:00:00Z", 1_769_860_800.0),
    ],
)
def test_a_start_is_a_moment(start: str, expected: float) -> None:
    """Of a clock that stands at 1,000,000 s."""
    assert moment(start, now=1_000_000.0) == expected


def test_secrets_are_not_shown() -> None:
    sasl = {"mechanism": "OAUTHBEARER", "token_url": "http://id/", "client_id": "c", "client_secret": "hidden-one"}
    assert "hidden-one" not in repr(made(topics=["t"], sasl=sasl))
