"""What people read when the broker, or what stands in its place, refuses us: why, and no secret."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import aiormq.connection
import anyio
import pytest

from sse_gateway.connector import SourceUnavailable
from sse_gateway.testing import nothing_left
from tests.brokers.proxy import Proxy
from tests.brokers.rabbitmq import RabbitMQ

from .upstream import Upstream, connector


async def refusal(url: str, **options: object) -> str:
    """The text of the error; also checks that no secret is anywhere in it, and that nothing stays open."""
    source = connector(url, **{"exchange": "amq.topic", **options})
    with anyio.fail_after(15), pytest.raises(SourceUnavailable) as refused:
        await source.__aenter__()  # the first makes what the loop makes once and keeps
    async with nothing_left(5):
        with anyio.fail_after(15), pytest.raises(SourceUnavailable):
            await source.__aenter__()
    assert "s3cret" not in "".join(traceback.format_exception(refused.value))
    return str(refused.value)


def with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.username}:{password}@{parts.hostname}:{parts.port}").geturl()


async def test_a_wrong_password(upstream: Upstream) -> None:
    text = await refusal(with_password(upstream.url, "s3cret"))
    assert "the broker refuses the user name or the password (ACCESS_REFUSED" in text


async def test_the_password_may_stand_outside_of_the_url(upstream: Upstream) -> None:
    parts = urlsplit(upstream.url)
    async with connector(
        with_password(upstream.url, "s3cret"), exchange="amq.topic", password=unquote(parts.password or "")
    ):
        pass
    assert "refuses the user name or the password" in await refusal(upstream.url, password="s3cret /@:?")


async def test_a_virtual_host_that_is_missing(rabbitmq: RabbitMQ) -> None:
    text = await refusal(f"{rabbitmq.url}nowhere")
    assert "(virtual host 'nowhere'): the broker ended the handshake: the virtual host does not exist" in text


async def test_authentication_that_the_broker_does_not_offer(rabbitmq: RabbitMQ) -> None:
    certificates = rabbitmq.certificates
    tls = {
        "ca": str(certificates.authority),
        "certificate": str(certificates.client),
        "key": str(certificates.client_key),
    }
    text = await refusal(rabbitmq.tls_url, tls=tls, authentication="external")
    assert "the broker does not offer the authentication that is configured" in text


async def test_a_port_where_nothing_listens() -> None:
    assert "cannot connect to 127.0.0.1:1 (virtual host '/'): " in await refusal("amqp://guest:s3cret@127.0.0.1:1/")


async def test_a_host_that_does_not_exist() -> None:
    assert "cannot connect to nowhere.invalid:5672" in await refusal("amqp://guest:s3cret@nowhere.invalid/")


async def test_tls_to_a_port_without(upstream: Upstream) -> None:
    parts = urlsplit(upstream.url)
    assert "SSL" in await refusal(f"amqps://guest:s3cret@{parts.hostname}:{parts.port}/")


@asynccontextmanager
async def _answering(answer: bytes) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(answer)
        await writer.drain()
        if answer:
            writer.close()
        else:
            await reader.read()  # until the other side has had enough
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"amqp://guest:s3cret@127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def test_another_protocol() -> None:
    async with _answering(b"AMQP\x00\x01\x00\x00") as url:
        assert "what answers there does not speak AMQP 0.9.1" in await refusal(url)
    async with _answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        assert "cannot connect to" in await refusal(url)


async def test_silence() -> None:
    async with _answering(b"") as url:
        assert "no answer in time" in await refusal(url, connect_timeout="300ms")


async def test_a_question_outside_of_the_context(upstream: Upstream) -> None:
    source = connector(upstream.url, mode="stream", stream="nowhere")
    for ask in (source.bounds, lambda: source.offsets_at(0)):
        with pytest.raises(SourceUnavailable, match="cannot read stream 'nowhere': NOT_FOUND - no queue 'nowhere'"):
            await ask()


async def test_a_line_that_dies_while_a_question_is_open(upstream: Upstream, proxy: Proxy) -> None:
    """The library then cancels whoever waits for the answer, though nobody asked for that."""
    exchange = await upstream.exchange()
    async with connector(proxy.url, exchange=exchange) as source:
        proxy.freeze()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_check_fails, source)
            await anyio.wait_all_tasks_blocked()
            proxy.cut()


async def _check_fails(source: Any) -> None:
    with anyio.fail_after(30), pytest.raises(SourceUnavailable, match="can't be read"):
        await source.check()


async def test_a_line_whose_silence_only_the_heartbeat_can_tell(upstream: Upstream, proxy: Proxy) -> None:
    failed: list[object] = []

    async def fails(call: Callable[[], Awaitable[object]]) -> None:
        with anyio.fail_after(30), pytest.raises(SourceUnavailable, match="silent for too long"):
            await call()
        failed.append(call)  # a task that the library cancels ends in silence, so it has to say that it came to its end

    source = connector(proxy.url, exchange=await upstream.exchange(), heartbeat="1s")
    async with source, anyio.create_task_group() as tasks:
        proxy.freeze()
        tasks.start_soon(fails, source.receive)
        tasks.start_soon(fails, source.check)
    assert len(failed) == 2


async def test_an_entry_that_is_cancelled_just_as_it_succeeds(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is there by then, and nobody was given it who could close it."""
    source = connector(upstream.url, exchange=await upstream.exchange())
    async with source:
        pass
    async with nothing_left(2):
        async with asyncio.TaskGroup() as tasks:
            entry = tasks.create_task(source.__aenter__())

            def succeeded(connection: Any, tune: object) -> None:
                # the last but one thing that the library's own task for it does: ours is cancelled before it hears of it
                connection.__dict__["tune"] = tune
                entry.get_loop().call_soon(entry.cancel)

            tune = property(lambda connection: connection.__dict__["tune"], succeeded)
            monkeypatch.setattr(aiormq.connection.Connection, "connection_tune", tune, raising=False)
    assert entry.cancelled()


@pytest.mark.parametrize("mode", ["exchange", "stream"])
async def test_an_entry_can_be_cancelled_at_any_moment(upstream: Upstream, mode: str) -> None:
    target = await (upstream.exchange() if mode == "exchange" else upstream.stream())
    source = connector(upstream.url, mode=mode, **{mode: target})
    async with source:
        pass
    async with nothing_left(5):
        for milliseconds in range(60):
            with anyio.move_on_after(milliseconds / 2000):
                async with source:
                    await anyio.sleep_forever()
