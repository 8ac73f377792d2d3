"""Signing in, and TLS, at a real broker: what is let in, and what is said when it is not."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from sse_gateway.connector import SourceUnavailable
from tests.brokers.kafka.broker import Kafka
from tests.connectors.reading import read

from .upstream import Upstream, connector


@pytest.fixture
async def topic(upstream: Upstream) -> str:
    return await upstream.create()


async def reads(upstream: Upstream, servers: str, topic: str, **options: Any) -> None:
    """A connector with these options gets a message."""
    async with connector(servers, topics=[topic], **options) as source:
        await upstream.send(topic, [b"let in"])
        assert [message.body for message in await read(source, 1)] == [b"let in"]


async def refusal(servers: str, topic: str, **options: Any) -> str:
    """Why a connector with these options does not come in."""
    with pytest.raises(SourceUnavailable) as refused:
        await connector(servers, topics=[topic], **options).__aenter__()
    return str(refused.value)


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_password_is_checked(upstream: Upstream, kafka: Kafka, topic: str, mechanism: str, tls: bool) -> None:
    """The right one reads; a wrong one is refused with the broker's words, and is in no error."""
    servers, options = (kafka.sasl_tls, {"tls": {"ca": str(kafka.certificates.authority)}}) if tls else (kafka.sasl, {})
    sasl = {"mechanism": mechanism, "username": kafka.user, "password": kafka.password}
    await reads(upstream, servers, topic, sasl=sasl, **options)
    reason = await refusal(servers, topic, sasl={**sasl, "password": "not-the-secret"}, **options)
    assert "the broker refuses `sasl`" in reason
    assert "not-the-secret" not in reason


async def test_a_client_certificate_lets_in(upstream: Upstream, kafka: Kafka, topic: str) -> None:
    """The TLS listener asks for a certificate of its authority."""
    given = kafka.certificates
    tls = {"ca": str(given.authority), "certificate": str(given.client), "key": str(given.client_key)}
    await reads(upstream, kafka.tls, topic, tls=tls)


async def test_a_missing_client_certificate_is_refused(kafka: Kafka, topic: str) -> None:
    """The broker closes the connection, and the error says that it is TLS."""
    reason = await refusal(kafka.tls, topic, tls={"ca": str(kafka.certificates.authority)})
    assert "TLS" in reason or "closed" in reason or "reset" in reason


async def test_an_unknown_authority_is_not_trusted(kafka: Kafka, topic: str) -> None:
    """Without `ca` only the system's authorities count, unless `verify = false`."""
    assert "certificate is not trusted" in await refusal(kafka.sasl_tls, topic, tls={})
    sasl = {"username": kafka.user, "password": kafka.password}
    async with connector(kafka.sasl_tls, topics=[topic], sasl=sasl, tls={"verify": False}):
        pass


async def test_plain_text_to_a_tls_port_is_an_error(kafka: Kafka, topic: str) -> None:
    """Nothing escapes the table when the other side speaks something else."""
    assert await refusal(kafka.tls, topic, timeout="3s")


def token(sub: str) -> str:
    """A token that nobody signed, as the test broker takes it."""
    now = int(time.time())
    parts = [{"alg": "none"}, {"sub": sub, "iat": now, "exp": now + 600}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


async def test_a_token_from_a_file_lets_in(upstream: Upstream, kafka: Kafka, topic: str, tmp_path: Path) -> None:
    """OAUTHBEARER with a file, read again for every connection."""
    file = tmp_path / "token"
    sasl = {"mechanism": "OAUTHBEARER", "token_file": str(file)}
    assert f"no token in {file}" in await refusal(kafka.sasl, topic, sasl=sasl)
    file.write_text("no-token\n")
    assert "refuses" in await refusal(kafka.sasl, topic, sasl=sasl)
    file.write_text(token("reader") + "\n")
    await reads(upstream, kafka.sasl, topic, sasl=sasl)


@asynccontextmanager
async def token_server(answer: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Answers every request with `answer` as JSON; yields its URL and the requests."""
    requests: list[bytes] = []

    async def serve(stream: SocketStream) -> None:
        async with stream:
            request = await stream.receive()
            while b"grant_type" not in request:
                request += await stream.receive()
            requests.append(request)
            await stream.send(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + answer)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610  # not Django's
        yield f"http://127.0.0.1:{port}/token", requests
        tasks.cancel_scope.cancel()


async def test_a_token_is_fetched_with_credentials(upstream: Upstream, kafka: Kafka, topic: str) -> None:
    """The credentials of a client are exchanged for a token, which is kept while it is valid."""
    answer = json.dumps({"access_token": token("reader"), "expires_in": 600}).encode()
    async with token_server(answer) as (url, requests):
        credentials = {"client_id": "gateway", "client_secret": "s%cret", "scope": "events"}
        await reads(upstream, kafka.sasl, topic, sasl={"mechanism": "OAUTHBEARER", "token_url": url, **credentials})
    head, _, form = requests[0].partition(b"\r\n\r\n")
    assert b"Basic " + base64.b64encode(b"gateway:s%25cret") in head
    assert parse_qs(form.decode()) == {"grant_type": ["client_credentials"], "scope": ["events"]}
    assert len(requests) == 1, "one token was enough for all connections of an entry"


async def test_a_token_that_is_none_is_unavailable(kafka: Kafka, topic: str) -> None:
    """What the server of tokens says instead of one is an error that names the URL, not the secret."""
    async with token_server(b"{}") as (url, _):
        sasl = {"mechanism": "OAUTHBEARER", "token_url": url, "client_id": "gateway", "client_secret": "hidden"}
        reason = await refusal(kafka.sasl, topic, sasl=sasl)
    assert f"no token from {url}" in reason
    assert "hidden" not in reason
