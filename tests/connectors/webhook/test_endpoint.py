"""What the path answers, also to senders of CloudEvents that ask first by OPTIONS, and what becomes of a request that is
taken."""

from __future__ import annotations

import time

import pytest

from .harness import idle, running
from .signing import PROVIDERS, Provider

ORIGIN = "eventemitter.example.com"


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "image/png", "application/x-www-form-urlencoded", ""]
)
@pytest.mark.parametrize("body", [b"\x00\xff not \n text", b""])
async def test_any_body_is_taken_as_it_is(method: str, kind: str, body: bytes) -> None:
    async with running() as bench:
        response = await bench.client.request(method, "/hook", content=body, headers={"content-type": kind})
        assert (response.status_code, response.content) == (202, b"")
        assert bench.bodies == [body]


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_other_methods_are_told_which_are_allowed(method: str) -> None:
    async with running() as bench:
        response = await bench.client.request(method, "/hook")
        assert (response.status_code, response.headers["allow"]) == (405, "POST, PUT")
        assert response.headers["content-type"] == "application/problem+json"
        assert bench.refused == {"method": 1}


async def test_a_refusal_is_a_problem_document() -> None:
    async with running(signature="github", secrets=["s"]) as bench:
        response = await bench.post()
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json() == {
            "type": "about:blank",
            "title": "Unauthorized",
            "status": 401,
            "detail": "the header x-hub-signature-256 is missing",
        }


async def test_path_parameters_and_the_key_go_with_the_message() -> None:
    async with running(path="/hooks/{tenant}/{key}/{number:int}") as bench:
        await bench.post(path="/hooks/acme/a%20b/7")
        [message] = bench.appended
        assert (message.key, message.path) == ("a b", {"tenant": "acme", "key": "a b", "number": "7"})


async def test_another_path_parameter_can_be_the_key() -> None:
    async with running(path="/hooks/{tenant}/{key}", key="tenant") as bench:
        await bench.post(path="/hooks/acme/x")
        assert bench.appended[0].key == "acme"


async def test_headers_go_with_the_message_in_lower_case_and_repeated_ones_together() -> None:
    async with running() as bench:
        await bench.client.post("/hook", content=b"", headers=[("X-Event", "push"), ("x-Tag", "a"), ("X-tag", "b")])
        headers = bench.appended[0].headers
        assert (headers["x-event"], headers["x-tag"]) == ("push", "a, b")


async def test_headers_are_utf_8_and_latin_1_where_they_are_not() -> None:
    async with running() as bench:
        await bench.client.post("/hook", headers=[(b"x-new", "größe".encode()), (b"x-old", "größe".encode("latin-1"))])
        headers = bench.appended[0].headers
        assert (headers["x-new"], headers["x-old"]) == ("größe", "größe")


async def test_headers_that_hold_secrets_do_not_go_with_the_message() -> None:
    secret = {
        "Authorization": "Basic x", "Cookie": "session=1", "Proxy-Authorization": "Basic y", "X-Mac": "m",
        "X-Hub-Signature-256": "s", "X-Hub-Signature": "s", "Stripe-Signature": "s", "Webhook-Signature": "s",
        "Svix-Signature": "s", "X-Slack-Signature": "s", "X-Shopify-Hmac-Sha256": "s",
    }  # fmt: skip
    async with running() as bench:
        await bench.client.post("/hook", headers=secret)
        assert {name.lower() for name in secret} & set(bench.appended[0].headers) == {"x-mac"}


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.sign.__name__)
async def test_the_signature_does_not_go_with_the_message(provider: Provider) -> None:
    async with running(**provider.config()) as bench:
        await bench.client.post("/hook", content=b"{}", headers=provider.headers(b"{}"))
        assert provider.signature not in bench.appended[0].headers


@pytest.mark.parametrize(
    ("signature", "headers", "body", "id"),
    [
        ("none", {"x-github-delivery": "1"}, b"", None),
        ("github", {"x-github-delivery": "72d3162e"}, b"", "72d3162e"),
        ("shopify", {"x-shopify-webhook-id": "w1"}, b"", "w1"),
        ("shopify", {"x-shopify-webhook-id": "w1", "x-shopify-event-id": "e1"}, b"", "orders/create e1"),
        ("standard", {}, b"", "msg_1"),
        ("stripe", {}, b'{"id": "evt_1"}', "evt_1"),
        ("stripe", {}, b'{"id": 1}', None),
        ("stripe", {}, b'{"id": "\\ud800"}', None),
        ("stripe", {}, b'["id"]', None),
        ("stripe", {}, b"\xff", None),
        ("stripe", {}, b"[" * 100_000, None),
        ("slack", {}, b'{"type": "event_callback", "event_id": "Ev1"}', "Ev1"),
        ("slack", {}, b"command=%2Fhook&text=", None),
        ("bearer", {"x-id": "7"}, b"", None),
    ],
)  # fmt: skip
async def test_the_delivery_id_is_found_where_each_provider_puts_it(
    signature: str, headers: dict[str, str], body: bytes, id: str | None
) -> None:
    provider = next((one for one in PROVIDERS if one.name == signature), None)
    async with running(**(provider.config() if provider else {})) as bench:
        signed = provider.headers(body) if provider else {}
        assert (await bench.client.post("/hook", content=body, headers={**signed, **headers})).status_code == 202
        assert bench.appended[0].id == id


async def test_a_header_can_be_named_that_holds_the_delivery_id() -> None:
    async with running(id_header="X-Request-Id") as bench:
        await bench.post(x_request_id="r1")
        await bench.post(x_request_id="")
        assert [message.id for message in bench.appended] == ["r1", None]


async def test_the_signed_time_is_the_time_of_the_message() -> None:
    stripe, now = PROVIDERS[1], time.time()
    async with running(**stripe.config()) as bench:
        await bench.client.post("/hook", content=b"{}", headers=stripe.headers(b"{}", at=now))
        assert bench.appended[0].timestamp == int(now)


async def test_slack_is_given_its_challenge_and_no_event_comes_of_it() -> None:
    slack, body = PROVIDERS[2], b'{"type": "url_verification", "token": "x", "challenge": "3eZbrw1a"}'
    async with running(**slack.config()) as bench:
        response = await bench.client.post("/hook", content=body, headers=slack.headers(body))
        assert (response.status_code, response.text, bench.bodies) == (200, "3eZbrw1a", [])
        assert response.headers["content-type"].startswith("text/plain")
        assert (await bench.post(body)).status_code == 401  # nor is it an oracle for those who can't sign


async def test_only_slack_is_given_a_challenge() -> None:
    stripe, body = PROVIDERS[1], b'{"type": "url_verification", "challenge": "x"}'
    async with running() as unsigned, running(**stripe.config()) as signed:
        assert (await unsigned.post(body)).status_code == 202
        assert (await signed.client.post("/hook", content=body, headers=stripe.headers(body))).status_code == 202


async def test_while_the_source_is_down_senders_are_told_to_come_again() -> None:
    async with idle() as bench:
        response = await bench.post()
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")
        assert bench.refused == {"unavailable": 1}
        async with bench.connector:
            pass
        assert (await bench.post()).status_code == 503


async def test_a_compressed_body_is_not_taken() -> None:
    async with running() as bench:
        response = await bench.post(b"\x1f\x8b", content_encoding="gzip")
        assert (response.status_code, response.headers["accept-encoding"]) == (415, "identity")
        assert (await bench.post(content_encoding="identity")).status_code == 202


async def ask(origins: list[str], headers: dict[str, str], *, rate: int | None = None) -> tuple[int, dict[str, str]]:
    """The status, and the headers that give consent."""
    handshake = {"origins": origins, "rate": rate}
    async with idle(handshake=handshake) as bench:  # not entered: consent does not hang on the source being up
        named = {f"webhook-request-{name}": value for name, value in headers.items()}
        response = await bench.client.options("/hook", headers=named)
        consent = {name: value for name, value in response.headers.items() if name.startswith("webhook-")}
        assert response.headers["allow"] == "POST, PUT, OPTIONS"
        return response.status_code, consent


async def test_a_sender_that_is_named_may_deliver() -> None:
    consent = {"webhook-allowed-origin": ORIGIN, "webhook-allowed-rate": "*"}
    assert await ask(["other.example.com", ORIGIN], {"origin": "EventEmitter.example.com"}) == (200, consent)


async def test_an_asterisk_lets_all_deliver() -> None:
    consent = {"webhook-allowed-origin": "*", "webhook-allowed-rate": "*"}
    assert await ask(["*"], {"origin": ORIGIN, "rate": "120"}) == (200, consent)


async def test_the_configured_rate_is_asked_for() -> None:
    _, consent = await ask([ORIGIN], {"origin": ORIGIN, "rate": "120"}, rate=60)
    assert consent["webhook-allowed-rate"] == "60"


@pytest.mark.parametrize("headers", [{"origin": "evil.example.com"}, {"origin": ""}, {}, {"origin": "*"}])
async def test_nobody_else_gets_consent(headers: dict[str, str]) -> None:
    assert await ask([ORIGIN], headers) == (403, {})


async def test_who_does_not_say_who_it_is_gets_no_consent() -> None:
    assert await ask(["*"], {}) == (403, {})


async def test_without_the_table_there_is_no_options() -> None:
    async with idle() as bench:
        response = await bench.client.options("/hook", headers={"webhook-request-origin": ORIGIN})
        assert (response.status_code, response.headers["allow"]) == (405, "POST, PUT")
