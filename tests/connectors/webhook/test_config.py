"""The table `[sources.NAME.webhook]`."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sse_gateway_webhook import WebhookConfig

SECRET = "whsec_c2VjcmV0LW9mLXRoZS10ZXN0"


def test_a_path_is_all_it_needs() -> None:
    config = WebhookConfig(path="/hooks/{tenant}")
    assert (config.max_body, config.pending.bytes, config.dedupe.window) == (2**18, 2**24, 86_400)


def test_lists_as_toml_has_them_are_taken() -> None:
    config = WebhookConfig.model_validate({"path": "/h", "signature": "github", "secrets": ["new", "old"]})
    assert [secret.get_secret_value() for secret in config.secrets] == ["new", "old"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"path": "hooks"}, 'begins with "/"'),
        ({"key": "tenant"}, "key is not a parameter of path"),
        ({"secrets": ["s"]}, "secrets without a signature"),
        ({"signature": "github"}, "this signature needs secrets"),
        ({"signature": "github", "secrets": []}, "this signature needs secrets"),
        ({"signature": "github", "secrets": ["s", ""]}, "a secret is empty"),
        ({"signature": "hmac", "secrets": ["s"]}, 'hmac = { header = "..." }'),
        ({"signature": "github", "secrets": ["s"], "hmac": {"header": "x"}}, 'hmac = { header = "..." }'),
        ({"signature": "standard", "secrets": ["whsec_$$$"]}, "is base64"),
        ({"signature": "standard", "secrets": ["whsec_"]}, "is base64"),
        ({"signature": "gitlab"}, "'github'"),
        ({"pending": {"bytes": "512KiB"}}, "pending.bytes must be at least max_body"),
        ({"max_body": 1024}, "expected a string with a unit"),
        ({"handshake": {"origins": []}}, "at least 1 item"),
        ({"max_events": 0}, "greater than or equal to 1"),
        ({"paths": "/x"}, "not permitted"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        WebhookConfig.model_validate({"path": "/h", **options})
    assert says in str(refused.value)


@pytest.mark.parametrize("options", [{"signature": "standard", "secrets": [SECRET + "%"]}, {"secrets": [SECRET]}])
def test_no_error_and_no_picture_of_it_shows_a_secret(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        WebhookConfig.model_validate({"path": "/h", **options})
    config = WebhookConfig.model_validate({"path": "/h", "signature": "standard", "secrets": [SECRET]})
    for shown in (str(refused.value), repr(config), config.model_dump_json()):
        assert SECRET.removeprefix("whsec_") not in shown
