"""HTTP as the real server and a real client speak it."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

from .gateway import Curl, curl, running, until

pytestmark = pytest.mark.anyio

CONFIG = """
[limits]
clients = 1
[sources.demo]
channel = "demo.{key}"
[sources.demo.webhook]
path = "/hooks/{key}"
[[routes]]
path = "/events/{id}"
channels = ["demo.{path.id}"]
"""


async def run(tmp_path: Path, *arguments: str) -> str:
    """What one curl prints whose last argument is a path."""
    with anyio.fail_after(150):
        async with running(tmp_path, CONFIG) as gateway, anyio.create_task_group() as group:
            *options, path = arguments
            one = curl(group, "-i", *options, gateway.public + path)
            await until(lambda: one.code is not None)
    assert one.code == 0
    return one.output.decode()


async def test_head_of_a_stream_ends_and_says_what_get_would_send(tmp_path: Path) -> None:
    head = await run(tmp_path, "--head", "/events/1")

    assert head.startswith("HTTP/1.1 200")
    assert "content-type: text/event-stream\r\n" in head
    assert "content-length" not in head


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["/events/a%20b"], 400),
        (["/events/a%2Fb"], 404),
        (["/events/%E4%B8%AD"], 400),
        (["-X", "DELETE", "/events/1"], 405),
        (["-H", "Accept: text/html", "/events/1"], 406),
    ],
)
async def test_what_can_not_be_served_is_a_problem(tmp_path: Path, arguments: list[str], status: int) -> None:
    head, _, body = (await run(tmp_path, *arguments)).partition("\r\n\r\n")

    assert head.startswith(f"HTTP/1.1 {status}")
    assert "content-type: application/problem+json" in head
    assert json.loads(body)["status"] == status


async def test_at_the_limit_an_event_source_is_told_to_come_back_and_others_get_503(tmp_path: Path) -> None:
    with anyio.fail_after(150):
        async with running(tmp_path, CONFIG) as gateway, anyio.create_task_group() as group:
            url = f"{gateway.public}/events/1"
            first = curl(group, url)
            await until(lambda: b"gateway.at" in first.output)
            source = curl(group, "-i", "-H", "Accept: text/event-stream", url)
            other = curl(group, "-i", url)
            await until(lambda: source.code == other.code == 0)
            group.cancel_scope.cancel()

    assert status(source) == b"200" and b"event: gateway.busy\n" in source.output
    assert status(other) == b"503" and b"retry-after: " in other.output


def status(answer: Curl) -> bytes:
    return answer.output.split()[1]
