"""20,000 posts to a whole gateway: what was answered 2xx is delivered, once, and what was refused is not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest
from anyio.streams.buffered import BufferedByteStream

from sse_gateway.testing import EventStreamReader
from tests.end_to_end.gateway import running

from .signing import SECRET, github

POSTS, CONNECTIONS, FORGED = 20_000, 50, 20  # every 20th post is signed with another secret
CONFIG = f"""
[sources.hooks]
channel = "hooks"
event = "{{headers.x-event}}"
[sources.hooks.webhook]
path = "/hooks"
signature = "github"
secrets = ["{SECRET}"]
max_body = "1KiB"
max_events = 1
pending = {{ bodies = PENDING, bytes = "1MiB" }}
[sources.hooks.log]
max_events = 40_000
max_bytes = "64MiB"
[[routes]]
path = "/events"
channels = ["hooks"]
[limits]
client_buffer = {{ events = 30_000, bytes = "32MiB" }}
"""


@dataclass
class Sender:
    """Posts the numbers of its range one after the other on one connection, and notes the answer to each."""

    host: str
    port: int
    numbers: range
    answers: dict[int, int] = field(default_factory=dict)

    async def run(self) -> None:
        left = list(self.numbers)
        while left:  # a refusal may end the connection
            async with await anyio.connect_tcp(self.host, self.port) as tcp:
                stream = BufferedByteStream(tcp)
                while left:
                    number = left.pop(0)
                    forged = number % FORGED == 0
                    self.answers[number], last = await post(stream, b"%d" % number, "other" if forged else SECRET)
                    if last:
                        break


async def post(stream: BufferedByteStream, body: bytes, secret: str, event: str = "number") -> tuple[int, bool]:
    """The status, and whether it is the last on this connection."""
    headers = {**github(secret, body, 0), "host": "test", "x-event": event, "content-length": str(len(body))}
    lines = ["POST /hooks HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    await stream.send("\r\n".join(lines).encode() + body)
    head = (await stream.receive_until(b"\r\n\r\n", 4096)).decode().lower().split("\r\n")
    fields = dict(line.split(": ", 1) for line in head[1:])
    await stream.receive_exactly(int(fields["content-length"]))
    assert ("retry-after" in fields) == (" 503 " in head[0])
    return int(head[0].split()[1]), fields.get("connection") == "close"


@pytest.mark.parametrize(("pending", "expected"), [(CONNECTIONS, {202, 401}), (10, {202, 401, 503})])
async def test_every_2xx_is_delivered_and_nothing_that_was_refused(
    tmp_path: Path, pending: int, expected: set[int]
) -> None:
    """With room for all that come at once, and with so little that most are told to come again."""
    numbers: list[int] = []

    async def read(stream: EventStreamReader) -> None:
        events = await stream.receive_until("last")
        numbers.extend(int(event.data) for event in events if event.type == "number")
        assert {event.type for event in events} <= {"gateway.at", "number", "last"}

    async with running(tmp_path, CONFIG.replace("PENDING", str(pending))) as gateway:
        url = urlsplit(gateway.public)
        address = url.hostname or "", url.port or 0
        share = POSTS // CONNECTIONS
        senders = [Sender(*address, range(first, first + share)) for first in range(0, POSTS, share)]
        async with EventStreamReader(f"{gateway.public}/events") as stream, anyio.create_task_group() as reading:
            reading.start_soon(read, stream)
            async with anyio.create_task_group() as tasks:
                for sender in senders:
                    tasks.start_soon(sender.run)
            async with await anyio.connect_tcp(*address) as tcp:
                assert (await post(BufferedByteStream(tcp), b"0", SECRET, "last"))[0] == 202

        answers = {number: status for sender in senders for number, status in sender.answers.items()}
        assert len(answers) == POSTS
        assert {number for number, status in answers.items() if status == 401} <= set(range(0, POSTS, FORGED))
        assert not any(answers[number] == 202 for number in range(0, POSTS, FORGED))
        statuses = Counter(answers.values())
        assert set(statuses) == expected, statuses
        assert sorted(numbers) == sorted(number for number, status in answers.items() if status == 202)
        assert await gateway.metric("sse_gateway_source_messages_total") == statuses[202] + 1
