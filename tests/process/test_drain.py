"""The order of the shutdown and its deadlines, with stand-ins for what is shut down."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterator
from dataclasses import dataclass, field

import anyio
import pytest

from sse_gateway.config import DrainConfig
from sse_gateway.metrics import DrainStage, Gate, Metrics
from sse_gateway.process.drain import Drain


@pytest.fixture(autouse=True)
def _without_watchdog() -> Iterator[None]:
    yield
    faulthandler.cancel_dump_traceback_later()


@dataclass
class Script:
    """All the parts of a gateway; what was done to them, in order."""

    gate: Gate
    stuck: frozenset[str] = frozenset()
    done: list[str] = field(default_factory=list)
    clients: int = 3
    closed: anyio.Event = field(default_factory=anyio.Event)

    def note(self, what: str) -> None:
        self.done.append(f"{self.gate.stage.name.lower()}: {what}")

    def stop(self) -> None:
        self.note("close the port")

    async def flushed(self) -> None:
        self.note("flush")

    async def drain(self, *, spread: float, retry: float) -> None:
        self.note(f"farewells over {spread} s, back in {retry} s")
        if "clients" in self.stuck:
            self.clients = 1
            await anyio.sleep_forever()
        self.clients = 0
        self.closed.set()

    def abort_all(self) -> None:
        self.note(f"abort {self.clients}")


@dataclass
class Source:
    script: Script
    name: str

    async def stop(self) -> None:
        self.script.note(f"stop {self.name}")
        if self.name in self.script.stuck:
            await anyio.sleep_forever()


def parts(*stuck: str) -> tuple[Script, Drain]:
    script = Script(Gate(Metrics()), frozenset(stuck))
    config = DrainConfig.model_validate({"delay": "50ms", "spread": "50ms", "timeout": "1s", "retry": "3s"})
    sources = [Source(script, name) for name in ("webhook", "kafka")]
    drain = Drain(
        config=config,
        gate=script.gate,
        listener=script,
        clients=script,
        fleeting=sources[:1],
        replayable=sources[1:],
    )
    return script, drain


async def test_the_stages_come_in_the_order_in_which_nobody_loses_anything() -> None:
    script, drain = parts()

    with anyio.fail_after(30):
        await drain.run()

    assert script.done == [
        "closing: close the port",
        "closing: stop webhook",
        "closing: flush",
        "farewells: farewells over 0.05 s, back in 3.0 s",
        "sources: stop kafka",
    ]
    assert script.gate.stage == DrainStage.DONE


async def test_readiness_goes_first_and_the_port_stays_open_for_the_delay() -> None:
    script, drain = parts()
    start = anyio.current_time()

    async with anyio.create_task_group() as group:
        group.start_soon(drain.run)
        await anyio.wait_all_tasks_blocked()
        assert script.gate.unready and not script.gate.draining and not script.done

    waited = round(anyio.current_time() - start, 3)  # uvloop counts in milliseconds, of which a float is no exact sum
    assert waited >= drain.config.delay


@pytest.mark.parametrize(
    ("stuck", "clients", "dropped"), [("webhook", 0, False), ("clients", 1, True), ("kafka", 0, False)]
)
async def test_a_part_that_hangs_delays_the_others_but_the_end_comes_in_time(
    stuck: str, clients: int, dropped: bool
) -> None:
    """A source takes no farewell from the clients, and those who do not take it are dropped."""
    script, drain = parts(stuck)

    with anyio.fail_after(30):
        await drain.run()

    assert "farewells: farewells over 0.05 s, back in 3.0 s" in script.done
    assert ("farewells: abort 1" in script.done, script.clients) == (dropped, clients)
    assert script.done[-1] == "sources: stop kafka"
    assert script.gate.stage == DrainStage.DONE
