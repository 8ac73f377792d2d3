"""Each preset takes what its provider signs and answers 401 to everything else."""

from __future__ import annotations

import time
from typing import Any

import pytest

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
