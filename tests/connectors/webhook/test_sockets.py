"""Where the connection matters: on the server that the gateway uses, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import SocketStream

from sse_gateway_webhook import WebhookConnector

from .harness import connector, served

HEAD = b"POST /hook HTTP/1.1\r\nhost: test\r\n"


async def answer(stream: SocketStream) -> bytes:
    """The status line of the next answer."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += await stream.receive()
    return received.partition(b"\r\n")[0]


async def ended(stream: SocketStream) -> None:
    """Returns when the server has closed the connection."""
    try:
        while True:
            await stream.receive()
    except anyio.EndOfStream:
        return


@asynccontextmanager
async def connection(address: tuple[str, int], sent: bytes) -> AsyncIterator[SocketStream]:
    async with await anyio.connect_tcp(*address) as stream:
        await stream.send(sent)
        yield stream


@pytest.mark.parametrize("sent", [b"content-length: 5\r\n\r\nhi", b"transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n"])
async def test_a_body_that_does_not_come_in_time_is_given_up(sent: bytes) -> None:
    webhook = connector(body_timeout="100ms")
    async with served(webhook) as address, webhook, connection(address, HEAD + sent) as stream:
        assert await answer(stream) == b"HTTP/1.1 408 Request Timeout"
        await ended(stream)  # no second request can follow half a body
        assert webhook.tally["body_timeout"] == 1


async def test_a_body_that_trickles_is_given_up_all_the_same() -> None:
    """The limit is for the whole body, not for each piece of it."""
    webhook = connector(body_timeout="200ms")
    async with served(webhook) as address, webhook, anyio.create_task_group() as tasks:
        async with connection(address, HEAD + b"content-length: 1000\r\n\r\n") as stream:
            tasks.start_soon(_trickle, stream)
            assert await answer(stream) == b"HTTP/1.1 408 Request Timeout"
            tasks.cancel_scope.cancel()


async def _trickle(stream: SocketStream) -> None:
    while True:
        await stream.send(b"x")
        await anyio.sleep(0.02)


async def test_a_sender_that_goes_away_in_the_middle_of_its_body_leaves_its_room() -> None:
    webhook = connector(pending={"bodies": 1})
    async with served(webhook) as address, webhook, anyio.create_task_group() as tasks:
        async with connection(address, HEAD + b"content-length: 1000\r\n\r\nhalf"):
            pass
        tasks.start_soon(_append, webhook)
        status = b"503"
        while b"503" in status:  # the server's threads tell us of the end when they like
            async with connection(address, HEAD + b"content-length: 2\r\n\r\nhi") as stream:
                status = await answer(stream)
        assert (status, webhook.tally["disconnected"]) == (b"HTTP/1.1 202 Accepted", 1)
        tasks.cancel_scope.cancel()


async def _append(webhook: WebhookConnector) -> None:
    while True:
        batch = await webhook.receive()
        await webhook.ack(batch[-1])


async def test_a_sender_that_goes_away_before_the_answer_is_appended_once() -> None:
    """And when it comes again, not hearing that it was, it gets its 202 and no second event."""
    webhook = connector(id_header="x-id")
    request = HEAD + b"x-id: 7\r\ncontent-length: 2\r\n\r\nhi"
    async with served(webhook) as address, webhook:
        async with connection(address, request):
            [message] = await webhook.receive()
        await webhook.ack(message)
        async with connection(address, request) as stream:
            assert await answer(stream) == b"HTTP/1.1 202 Accepted"
        assert webhook.tally["duplicate"] == 1


async def test_a_sender_that_writes_all_before_it_reads_finds_the_refusal() -> None:
    """With a body far larger than what the sockets hold between them."""
    webhook = connector(max_body="8MiB", pending={"bytes": "16MiB"})
    async with served(webhook) as address:  # not entered
        async with connection(address, HEAD + b"content-length: 8388608\r\n\r\n") as stream:
            for _ in range(128):
                await stream.send(b"x" * 65536)
            assert await answer(stream) == b"HTTP/1.1 503 Service Unavailable"


async def test_a_sender_that_asks_before_it_sends_is_spared_a_body_too_large() -> None:
    webhook = connector()
    head = HEAD + b"expect: 100-continue\r\ncontent-length: 9000000\r\n\r\n"
    async with served(webhook) as address, webhook, connection(address, head) as stream:
        assert await answer(stream) == b"HTTP/1.1 413 Payload Too Large"


async def test_a_chunk_that_is_none_is_the_sender_s_error() -> None:
    webhook = connector()
    async with served(webhook) as address, webhook:
        async with connection(address, HEAD + b"transfer-encoding: chunked\r\n\r\nno length\r\n") as stream:
            assert await answer(stream) == b"HTTP/1.1 400 Bad Request"
        assert webhook.tally["disconnected"] == 1
