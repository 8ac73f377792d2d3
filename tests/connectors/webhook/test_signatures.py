"""Each preset takes what its provider signs and answers 401 to everything else."""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest

from sse_gateway_webhook import WebhookConfig
from sse_gateway_webhook.request import Refusal
from sse_gateway_webhook.signatures import verifier

from .harness import running
from .signing import KEY, PROVIDERS, Provider

BODY = b'{"hello": "\xff\x00 w\xc3\xb6rld"}'  # not text: it is proved as bytes
every = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.sign.__name__)

# What a header may hold that a careless reader answers with a 500.
NONSENSE = [
    " ", ",", "=", "v1", "v1,", "v1,%%%", "v1=", "v0=", "sha256=", "sha256=zz", "t=,v1=", "t=1", "t=1,t=1,v1=00",
    "v1=00", "Bearer", "Bearer ", "Basic x", "Bearer \xff\xfe", "\xff\xfe", "v0=\xe9", "v1,\xe9", "A" * 5000,
    "t=\xb2,v1=00", "t=" + "9" * 5000 + ",v1=00", "t=-1,v1=00", "t=1e3,v1=00", "t=nan,v1=00", "sha1=00", "==", "\t",
]  # fmt: skip
TIMES = ["", " ", "x", "-1", "+1", "1.5", "1e9", "0x10", "\xb2", "nan", "inf", "9" * 11, "9" * 5000, "1_000", "\xff"]


def encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """As bytes, so that they may hold more than ASCII."""
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


async def answer(provider: Provider, headers: dict[str, str], *, body: bytes = BODY, **options: Any) -> tuple[int, str]:
    """The status and, where it was refused, the kind that it was counted as."""
    async with running(**{**provider.config(), **options}) as bench:
        response = await bench.client.post("/hook", content=body, headers=encoded(headers))
        assert (response.status_code == 202) == (bench.bodies == [body])
        if response.status_code != 202:
            assert response.headers["content-type"] == "application/problem+json"
            assert response.headers["www-authenticate"] in ("Bearer", "Signature")
            assert provider.secret not in response.text
        return response.status_code, next(iter(bench.refused), "")


@every
async def test_a_body_is_proved_before_it_is_read(provider: Provider) -> None:
    """One that is not of its type and has a wrong signature is refused for the signature."""
    bad = {"content-type": "application/x-ndjson"}
    assert await answer(provider, {**bad, **provider.headers(BODY, secret=provider.other)}) == (401, "signature_wrong")


@every
async def test_the_signature_of_another_body_is_wrong(provider: Provider) -> None:
    if provider.name != "bearer":  # which says nothing of the body
        assert await answer(provider, provider.headers(BODY), body=BODY + b" ") == (401, "signature_wrong")


@every
async def test_without_a_signature_it_is_missing(provider: Provider) -> None:
    headers = provider.headers(BODY)
    del headers[provider.signature]
    assert await answer(provider, headers) == (401, "signature_missing")
    assert await answer(provider, {**headers, provider.signature: ""}) == (401, "signature_missing")


@every
async def test_nonsense_is_refused_and_never_an_error_of_ours(provider: Provider) -> None:
    headers = provider.headers(BODY)
    async with running(**provider.config()) as bench:
        for nonsense in NONSENSE:
            sent = encoded({**headers, provider.signature: nonsense})
            assert (await bench.client.post("/hook", content=BODY, headers=sent)).status_code == 401, nonsense
        assert sum(bench.refused.values()) == len(NONSENSE) and bench.bodies == []


@every
async def test_a_signature_is_exact(provider: Provider) -> None:
    """One character less, more, or another one, is not the signature."""
    headers = provider.headers(BODY)
    right = headers[provider.signature]
    bare = right.split("=")[-1].split(",")[-1].split(" ")[-1]
    without_prefix = bare if bare and bare != right else right[1:]
    for wrong in (without_prefix, right[:-1], right + "0", right[:-4] + ("AAA=" if right[-4:] != "AAA=" else "BBB=")):
        assert (await answer(provider, {**headers, provider.signature: wrong}))[0] == 401


TIMED = [provider for provider in PROVIDERS if provider.timestamp]


@pytest.mark.parametrize("provider", TIMED, ids=lambda provider: provider.sign.__name__)
class TestTimestamps:
    """Of those that sign one."""

    @pytest.mark.parametrize("offset", [-290, 290])
    async def test_one_near_our_clock_is_taken(self, provider: Provider, offset: float) -> None:
        assert await answer(provider, provider.headers(BODY, at=time.time() + offset)) == (202, "")

    @pytest.mark.parametrize("offset", [-310, 310])
    async def test_one_too_far_off_is_refused_on_both_sides(self, provider: Provider, offset: float) -> None:
        headers = provider.headers(BODY, at=time.time() + offset)
        assert await answer(provider, headers) == (401, "signature_old")
        assert await answer(provider, headers, tolerance="10m") == (202, "")

    async def test_another_than_the_signed_one_is_refused(self, provider: Provider) -> None:
        headers, now = provider.headers(BODY), int(time.time())
        moved = headers[provider.timestamp].replace(str(now), str(now - 1))
        if moved != headers[provider.timestamp]:
            assert (await answer(provider, {**headers, provider.timestamp: moved})) == (401, "signature_wrong")

    async def test_a_malformed_one_is_refused(self, provider: Provider) -> None:
        headers = provider.headers(BODY)
        for malformed in TIMES:
            value = f"t={malformed},v1=00" if provider.name == "stripe" else malformed
            assert (await answer(provider, {**headers, provider.timestamp: value}))[0] == 401, malformed


@every
async def test_every_one_of_several_secrets_is_taken(provider: Provider) -> None:
    """So that a secret can be changed while both are in use."""
    for secret in (provider.secret, provider.other):
        headers = provider.headers(BODY, secret=secret)
        assert await answer(provider, headers, **provider.config(provider.other, provider.secret)) == (202, "")


async def test_one_right_signature_among_several_is_enough() -> None:
    """Stripe and Standard Webhooks send several while the sender changes its secret."""
    stripe, standard = PROVIDERS[1], PROVIDERS[4]
    headers = stripe.headers(BODY)
    time_part, right = headers["stripe-signature"].split(",")
    headers["stripe-signature"] = f"{time_part},v0=ab,v1=00, {right}"
    assert await answer(stripe, headers) == (202, "")
    headers = standard.headers(BODY)
    headers["webhook-signature"] = f"v1a,ZWQ= v1,AAAA {headers['webhook-signature']} v2,xyz"
    assert await answer(standard, headers) == (202, "")


async def test_a_signature_of_stripe_has_one_timestamp() -> None:
    stripe = PROVIDERS[1]
    headers = stripe.headers(BODY)
    headers["stripe-signature"] += ",t=1"
    assert await answer(stripe, headers) == (401, "signature_malformed")


async def test_a_key_of_standard_webhooks_needs_no_prefix() -> None:
    standard = PROVIDERS[4]
    secrets = [KEY.removeprefix("whsec_")]
    assert await answer(standard, standard.headers(BODY), secrets=secrets) == (202, "")


async def test_the_id_of_standard_webhooks_is_signed() -> None:
    standard = PROVIDERS[4]
    headers = {**standard.headers(BODY), "webhook-id": "msg_2"}
    assert await answer(standard, headers) == (401, "signature_wrong")


async def test_the_name_of_the_scheme_may_be_of_any_case() -> None:
    bearer = PROVIDERS[-1]
    assert await answer(bearer, {"authorization": f"bEARER {bearer.secret}"}) == (202, "")


async def test_without_a_preset_whoever_posts_is_taken() -> None:
    async with running() as bench:
        assert (await bench.post(b"x")).status_code == 202


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
