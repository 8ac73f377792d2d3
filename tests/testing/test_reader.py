"""`EventStreamReader` reads one answer over a real socket, however the server frames and cuts it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from sse_gateway.testing import EventStreamReader, nothing_left

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x;ext=1\r\n%s\r\n" % (len(data), data)


@asynccontextmanager
async def serving(answer: bytes, *, step: int = 1_000_000) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers everybody with the same bytes, `step` at a time, and hangs up."""
    requests: list[bytes] = []

    async def serve(client: SocketStream) -> None:
        async with client:
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                request += await client.receive()
            requests.append(request)
            for start in range(0, len(answer), step):
                await client.send(answer[start : start + step])

    with anyio.fail_after(30):
        async with (
            await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(listener.serve, serve)
            port = int(listener.extra_attributes[SocketAttribute.local_port]())
            yield f"http://127.0.0.1:{port}", requests
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize("step", [1, 7, 1_000_000])
async def test_it_reads_a_chunked_stream_to_its_end(step: int) -> None:
    answer = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"id: 1\ndata: a\n") + chunk(b"\ndata: b\n\n")
    async with serving(answer + chunk(b""), step=step) as (url, _), EventStreamReader(url) as stream:
        events = await stream.receive_rest()
    assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream")
    assert [(event.data, event.id) for event in events] == [("a", "1"), ("b", "1")]
    assert stream.last_event_id == "1"


async def test_a_stream_that_breaks_off_is_told_from_one_that_ends() -> None:
    answer = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"data: a\n\n")
    async with serving(answer) as (url, _), EventStreamReader(url) as stream:
        assert (await stream.receive()).data == "a"
        with pytest.raises(anyio.IncompleteRead):
            await stream.receive()


async def test_it_reads_up_to_a_type() -> None:
    answer = HEAD + b"\r\ndata: a\n\nevent: gateway.bye\ndata: b\n\ndata: c\n\n"
    async with serving(answer) as (url, _), EventStreamReader(url) as stream:
        assert [event.data for event in await stream.receive_until("gateway.bye")] == ["a", "b"]
        assert [event.data for event in await stream.receive_rest()] == ["c"]


async def test_a_short_answer_is_read_by_its_length() -> None:
    answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
    async with serving(answer) as (url, _), EventStreamReader(url) as stream:
        assert (stream.status, await stream.receive_bytes()) == (503, b"busy")
        with pytest.raises(anyio.EndOfStream):
            await stream.receive_bytes()


async def test_it_asks_as_an_event_source_does() -> None:
    async with serving(HEAD + b"Content-Length: 0\r\n\r\n") as (url, requests):
        async with EventStreamReader(f"{url}/events?a=1", headers={"x-a": "b"}, last_event_id="1.abc"):
            pass
        async with EventStreamReader(url, headers={"accept": "application/x-ndjson"}):
            pass
    first, second = (request.decode().split("\r\n") for request in requests)
    assert first[0] == "GET /events?a=1 HTTP/1.1"
    assert {"accept: text/event-stream", "x-a: b", "last-event-id: 1.abc"} <= set(first)
    assert second[0] == "GET / HTTP/1.1"
    assert "accept: application/x-ndjson" in second
    assert not any(line.startswith("last-event-id") for line in second)


async def test_a_server_that_hangs_up_before_its_answer_leaves_nothing_open() -> None:
    async with serving(b"HTTP/1.1 20") as (url, _):
        await find_it_broken(url)  # the loop keeps a descriptor from its first stream on
        async with nothing_left(5):
            await find_it_broken(url)


async def find_it_broken(url: str) -> None:
    with pytest.raises(anyio.IncompleteRead):
        async with EventStreamReader(url):
            pytest.fail("there is no answer")
