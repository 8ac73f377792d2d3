"""The examples that providers publish, and what their own libraries sign."""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest

from sse_gateway_webhook import WebhookConfig
from sse_gateway_webhook.refusal import Refusal
from sse_gateway_webhook.signatures import verifier

from .signing import KEY

SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
    b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)

# preset, secret, headers, body, the time at which it was sent
VECTORS = {
    # docs.github.com, Validating webhook deliveries, "Testing the webhook payload validation"
    "github": (
        "github",
        "It's a Secret to Everybody",
        {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
        b"Hello, World!",
        0,
    ),
    # docs.slack.dev, Verifying requests from Slack
    "slack": (
        "slack",
        "8f742231b10e8888abcd99yyyzzz85a5",
        {
            "x-slack-request-timestamp": "1531420618",
            "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        },
        SLACK_BODY,
        1531420618,
    ),
    # docs.svix.com, Verifying webhooks manually; the same in the specification of Standard Webhooks
    "standard": (
        "standard",
        KEY,
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        b'{"test": 2432232314}',
        1614265330,
    ),
    # SQLPage's documentation of its HMAC function, "verify a Shopify webhook"
    "shopify": (
        "shopify",
        "test-webhook-secret",
        {"x-shopify-hmac-sha256": "QNyObTlKbMx2qDlPF/ZOZcBqg5OgPg+2oky3zldc0Gw="},
        b'{"id":1234567890,"email":"customer@example.com","total_price":"123.45"}',
        0,
    ),
}


def prove(signature: str, secret: str, headers: Mapping[str, str], body: bytes, now: float) -> None:
    """Raises Refusal when the connector would."""
    config = WebhookConfig.model_validate({"path": "/", "signature": signature, "secrets": [secret]})
    proof = verifier(config)
    proof.prove(proof.claim(headers, now), body)


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
def test_a_published_example_is_proved(vector: tuple[str, str, Mapping[str, str], bytes, float]) -> None:
    prove(*vector)


def test_what_the_library_of_standard_webhooks_signs_is_proved() -> None:
    library: Any = import_module("standardwebhooks").Webhook(KEY)
    now, body = datetime.now(UTC), '{"a": "ü"}'
    headers = {"webhook-id": "msg_9", "webhook-timestamp": str(int(now.timestamp()))}
    headers["webhook-signature"] = library.sign("msg_9", now, body)
    prove("standard", KEY, headers, body.encode(), time.time())


def test_what_the_library_of_stripe_signs_is_proved_and_it_agrees() -> None:
    stripe: Any = import_module("stripe")
    now, body, secret = int(time.time()), '{"id": "evt_1"}', "whsec_test"
    signature = stripe.WebhookSignature._compute_signature(f"{now}.{body}", secret)
    header = f"t={now},v1={signature}"
    stripe.WebhookSignature.verify_header(body, header, secret, tolerance=300)
    prove("stripe", secret, {"stripe-signature": header}, body.encode(), now)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(body, header, "whsec_other", tolerance=300)
    with pytest.raises(Refusal):
        prove("stripe", "whsec_other", {"stripe-signature": header}, body.encode(), now)


def test_the_comparison_takes_the_same_way_whichever_secret_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every secret is compared with every signature, by the function that takes constant time."""
    compared: list[bool] = []
    exact = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(exact(one, other))
        return compared[-1]

    monkeypatch.setattr(hmac, "compare_digest", compare)
    signature, secret, headers, body, now = VECTORS["standard"]
    config = WebhookConfig.model_validate({"path": "/", "signature": signature, "secrets": [secret, "b3RoZXI="]})
    proof = verifier(config)
    several = {**headers, "webhook-signature": headers["webhook-signature"] + " v1,AAAA"}
    proof.prove(proof.claim(several, now), body)
    assert sorted(compared) == [False, False, False, True]
