"""The `generate` connector: its rate, its bursts, its bodies, its end; and the contract of every connector."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import ValidationError

from sse_gateway.connector import Connector, EndOfStream, Message, Mountable, Replayable, SourceUnavailable
from sse_gateway.testing import ConnectorContract
from sse_gateway_generate import GenerateConfig, GenerateConnector
from tests.end_to_end.gateway import curl, running, until

from .page import Page


class TestGenerateConnector(ConnectorContract):
    own_bodies = True

    async def connector(self) -> Connector[Any]:
        return GenerateConnector(GenerateConfig(rate=2000, burst=10), name="generate")

    async def send(self, bodies: Sequence[bytes]) -> None:
        """It makes its messages itself."""


class Clock:
    """A clock that moves when somebody sleeps by it."""

    now = 1000.0

    def __init__(self) -> None:
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def generate(clock: Clock, **options: Any) -> GenerateConnector:
    return GenerateConnector(GenerateConfig.model_validate(options), name="ticks", clock=clock.time, sleep=clock.sleep)


async def take(connector: GenerateConnector, count: int) -> list[Message]:
    taken: list[Message] = []
    while len(taken) < count:
        taken += await connector.receive()
    return taken


async def test_events_come_at_the_rate_and_the_first_at_once(clock: Clock) -> None:
    async with generate(clock, rate=4) as connector:
        moments = []
        for _ in range(5):
            assert len(await connector.receive()) == 1
            moments.append(clock.now - 1000)
    assert moments == [0, 0.25, 0.5, 0.75, 1.0]


async def test_the_rate_does_not_drift_when_receives_come_late(clock: Clock) -> None:
    """Whoever comes late to every event gets what is due by then, not one event after another from there on."""
    count = 0
    async with generate(clock, rate=10) as connector:
        while clock.now < 1060:
            count += len(await connector.receive())
            clock.now += 0.037
    assert count in (600, 601)


async def test_a_high_rate_comes_in_batches(clock: Clock) -> None:
    async with generate(clock, rate=100_000) as connector:
        sizes = [len(await connector.receive()) for _ in range(50)]
        elapsed = clock.now - 1000
    assert max(sizes) <= 256
    assert sum(sizes) == pytest.approx(elapsed * 100_000, abs=101)
    assert min(clock.slept) >= 0.001


async def test_a_burst_comes_at_once_and_bursts_keep_the_rate(clock: Clock) -> None:
    async with generate(clock, rate=100, burst=50) as connector:
        moments = []
        for _ in range(3):
            batch = await connector.receive()
            assert len(batch) == 50
            moments.append(clock.now - 1000)
    assert moments == [0, 0.5, 1.0]


async def test_a_burst_over_the_batch_comes_in_several_without_a_wait(clock: Clock) -> None:
    async with generate(clock, rate=1, burst=600) as connector:
        assert [len(await connector.receive()) for _ in range(3)] == [256, 256, 88]
    assert clock.slept == []


async def test_a_stall_is_made_up_for_by_one_second_of_events_at_most(clock: Clock) -> None:
    """A machine that slept for an hour does not answer with a flood; what was left out is in the tally."""
    async with generate(clock, rate=100) as connector:
        await connector.receive()
        clock.now += 3600
        late = await connector.receive()
        assert len(late) == 101
        assert late[0].body.startswith(b'{"seq":2,')
        assert connector.tally == {"skipped": 360_000 - 101}
        assert len(await connector.receive()) == 1


async def test_it_ends_after_its_count_for_good(clock: Clock) -> None:
    connector = generate(clock, rate=1000, count=5)
    async with connector:
        assert len(await take(connector, 3)) == 3
    async with connector:
        assert [json.loads(message.body)["seq"] for message in await take(connector, 2)] == [4, 5]
        with pytest.raises(EndOfStream):
            await connector.receive()


async def test_keys_go_round(clock: Clock) -> None:
    async with generate(clock, rate=1, burst=5, keys=3) as connector:
        assert [message.key for message in await connector.receive()] == ["1", "2", "0", "1", "2"]


async def test_a_json_body_shows_that_time_passes(clock: Clock) -> None:
    before = time.monotonic_ns()
    async with generate(clock, rate=1, burst=2, keys=7) as connector:
        first, second = (json.loads(message.body) for message in await connector.receive())
    assert (first["seq"], second["seq"], first["key"]) == (1, 2, "1")
    assert before < first["monotonic_ns"] < second["monotonic_ns"] < time.monotonic_ns()
    assert datetime.fromisoformat(first["time"]).timestamp() == pytest.approx(time.time(), abs=5)


async def test_a_timing_body_is_what_load_generators_read(clock: Clock) -> None:
    async with generate(clock, rate=1, format="timing") as connector:
        (message,) = await connector.receive()
    moment, seq = message.body.split()
    assert 0 < time.monotonic_ns() - int(moment.removeprefix(b"t=")) < 5e9
    assert seq == b"s=1"


@pytest.mark.parametrize("form", ["json", "timing"])
@pytest.mark.parametrize("size", ["200B", "1KiB"])
async def test_bodies_are_padded_to_their_size(clock: Clock, form: str, size: str) -> None:
    async with generate(clock, rate=1, burst=3, format=form, size=size) as connector:
        batch = await connector.receive()
    assert {len(message.body) for message in batch} == {connector.config.size}
    if form == "json":
        assert [json.loads(message.body)["seq"] for message in batch] == [1, 2, 3]


async def test_the_type_is_a_header(clock: Clock) -> None:
    async with generate(clock, type="heartbeat") as connector:
        (message,) = await connector.receive()
    assert message.headers == {"type": "heartbeat"}
    assert message.timestamp == pytest.approx(time.time(), abs=5)


async def test_outside_the_context_it_is_not_connected(clock: Clock) -> None:
    connector = generate(clock)
    for act in (connector.receive(), connector.check()):
        with pytest.raises(SourceUnavailable, match="not connected"):
            await act


def test_it_has_no_optional_power(clock: Clock) -> None:
    assert not isinstance(generate(clock), Replayable | Mountable)


@pytest.mark.parametrize(
    "options",
    [
        {"rate": 0},
        {"rate": "10"},
        {"rate": 1e9},
        {"burst": 0},
        {"count": 0},
        {"keys": 0},
        {"format": "xml"},
        {"speed": 1},
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        GenerateConfig.model_validate(options)


async def test_the_example_of_its_page_works_as_it_stands(tmp_path: Path) -> None:
    page = Page("generate")
    [file] = page.blocks("toml")
    [shown] = re.findall(r"^```\n(event: .*?)^```", page.text, re.DOTALL | re.MULTILINE)
    form = (
        re.sub(r"\d+(?!\")", r"\\d+", re.sub(r'"2026[^"]*"', '"[^"]+"', shown)).replace("{", r"\{").replace("}", r"\}")
    )
    async with running(tmp_path, file) as gateway, anyio.create_task_group() as group:
        reader = curl(group, f"{gateway.public}/events/ticks/0")
        await until(lambda: reader.output.count(b"\ndata: {") >= 3)
        group.cancel_scope.cancel()
    assert re.search(form, reader.output.decode())
    assert b'"key":"1"' not in reader.output
