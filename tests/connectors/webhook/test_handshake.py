"""Senders of CloudEvents ask first, by OPTIONS."""

from __future__ import annotations

import pytest

from .harness import idle

ORIGIN = "eventemitter.example.com"


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
