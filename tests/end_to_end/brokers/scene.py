"""A gateway with its sources under traffic, a client for each, and a fault that befalls them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio.abc import TaskGroup
from prometheus_client.parser import text_string_to_metric_families

from ..gateway import Gateway, running
from .client import Account, Client, untold
from .report import Report
from .source import Access, Source

_PATIENCE = 90.0
_FILE = """
[limits]
retry = "100ms"
[[routes]]
path = "/events/{name}"
channels = ["{path.name}"]
"""
_TITLE = "faults of brokers (lost: there was no queue, or it went with its line; repeated; Kafka has no alarms)"


@dataclass
class Watch:
    """What `/readyz` says while something happens: asks again and again."""

    gateway: Gateway
    said: dict[str, str] = field(default_factory=dict)
    """Of each source, the last that was said of an error, or that all is well."""
    noticed: set[str] = field(default_factory=set)
    """The sources that it has told an error of."""

    async def run(self) -> None:
        while True:
            await self.ask()
            await anyio.sleep(0.02)

    async def ask(self) -> None:
        code, body = await self.gateway.get(f"{self.gateway.admin}/readyz")
        for name, source in json.loads(body)["sources"].items():
            error = source.get("last_error")
            if error is not None:
                self.noticed.add(name)
            if source["status"] == "down":
                self.said[name] = f"{code} down: {error}"
            else:
                self.said.setdefault(name, f"{code} {source['status']}")

    async def until_noticed(self, names: set[str]) -> None:
        with anyio.fail_after(_PATIENCE):
            while not names <= self.noticed:
                await anyio.sleep(0.02)


class Scene:
    """All that takes part. Each source has a channel, and each channel a client."""

    def __init__(
        self, gateway: Gateway, sources: Sequence[Source], report: Report, tasks: TaskGroup, *, ready: bool
    ) -> None:
        self.gateway = gateway
        self.sources = sources
        self.clients = {source.name: Client(f"{gateway.public}/events/{source.name}") for source in sources}
        self._ready = ready
        self._report = report
        self._tasks = tasks
        self._held: dict[str, list[str]] = {}

    def errors(self) -> dict[str, str]:
        """Why each source that was down was so at first, by the log."""
        down = [line for line in self.gateway.lines if line.get("message") == "source is down"]
        return {line["source"]: line["error"] for line in reversed(down)}

    def begin(self) -> None:
        """Let messages flow to what the sources read."""
        for source in self.sources:
            self._tasks.start_soon(source.traffic.run)

    async def connect(self) -> None:
        """Let the clients come."""
        for client in self.clients.values():
            self._tasks.start_soon(client.run)
        with anyio.fail_after(_PATIENCE):
            while await self.gateway.metric("sse_gateway_clients") < len(self.clients):
                await anyio.sleep(0.02)

    async def flow(self, count: int = 30) -> None:
        """Wait until every client has got so many more."""
        with anyio.fail_after(_PATIENCE):
            async with anyio.create_task_group() as tasks:
                for client in self.clients.values():
                    tasks.start_soon(client.more, count)

    async def suffer(
        self,
        fault: str,
        *,
        harm: Callable[[], Awaitable[object]] | None = None,
        mend: Callable[[], Awaitable[object]] | None = None,
        silent: bool = False,
        breaks: Mapping[str, str],
    ) -> None:
        """Do harm, mend it once every source has noticed (at once if it is `silent`), see them recover, and settle the
        accounts: nothing is lost but with the `breaks`, which are named by the log, a metric and to the client."""
        watch = Watch(self.gateway)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch.run)
            if harm is not None:
                await harm()
            if mend is not None:
                if not silent:
                    await watch.until_noticed(set(self.clients))
                await mend()
            seconds = await self._recover()
            tasks.cancel_scope.cancel()
        accounts = {source.name: await self._settle(source) for source in self.sources}
        found = await self._breaks()
        for source in self.sources:
            name = source.name
            self._write(fault, source, accounts[name], found.get(name), seconds.get(name), watch.said[name])
        assert seconds.keys() == self.clients.keys(), "not all recovered by themselves"
        assert {said.partition(" ")[0] for said in watch.said.values()} == {"200" if self._ready else "503"}
        assert found == breaks
        for source in self.sources:
            self._check(source, accounts[source.name], found.get(source.name))

    async def _recover(self) -> dict[str, float]:
        """Seconds until something came of what was sent from now on, in every partition."""
        seconds: dict[str, float] = {}
        with anyio.move_on_after(_PATIENCE):
            async with anyio.create_task_group() as tasks:
                for source in self.sources:
                    tasks.start_soon(self._wait_for, source, seconds)
        return seconds

    async def _wait_for(self, source: Source, seconds: dict[str, float]) -> None:
        begun, wanted, client = anyio.current_time(), source.traffic.number, self.clients[source.name]
        names = [str(number) for number in range(source.traffic.partitions)]
        await client.until(lambda: all(client.last.get(name, -1) >= wanted for name in names))
        seconds[source.name] = anyio.current_time() - begun

    async def _settle(self, source: Source) -> Account:
        await source.traffic.stop()
        client = self.clients[source.name]
        held = self._held[source.name] = _expected(source, client, await source.held())
        with anyio.move_on_after(30):
            await client.until_last(held)
            while source.promise != "while bound" and Account.of(held, client.bodies).lost:
                await anyio.sleep(0.1)
        return Account.of(held, client.bodies)

    async def _breaks(self) -> dict[str, str]:
        _, text = await self.gateway.get(f"{self.gateway.admin}/metrics")
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        counted = [s.labels for s in samples if s.name == "sse_gateway_source_breaks_total" and s.value]
        logged = [line for line in self.gateway.lines if line.get("message") == "source has a break"]
        assert {(line["source"], line["reason"]) for line in logged} == {(c["source"], c["reason"]) for c in counted}
        return {labels["source"]: labels["reason"] for labels in counted}

    def _write(
        self, fault: str, source: Source, account: Account, reason: str | None, seconds: float | None, said: str
    ) -> None:
        unbound = min(source.unbound, account.lost)
        row = {
            "fault": fault,
            "source": source.label,
            "by itself": "NO" if seconds is None else "yes",
            "lost": account.lost,
            "no queue": unbound,
            "in its queue": account.lost - unbound,
            "repeated": account.repeated,
            "break": reason or "",
            "seconds": "" if seconds is None else f"{seconds:.2f}",
            "/readyz": said if len(said) < 90 else f"{said[:87]}...",
        }
        self._report.add(_TITLE, row)

    def _check(self, source: Source, account: Account, reason: str | None) -> None:
        client = self.clients[source.name]
        told = {json.loads(event.data)["reason"] for event in client.events if event.type != "message"}
        assert told == ({reason} if reason else set()), source.label
        if source.promise == "while bound":
            assert untold(client.events, self._held[source.name]) == []
        else:
            assert account.lost == 0, source.label
        if source.promise != "at least once":
            assert account.repeated == 0, source.label
            assert account.ordered, source.label


def _expected(source: Source, client: Client, held: list[str]) -> list[str]:
    first = _number(client.bodies[0]) if source.promise == "while bound" else 0  # nothing is kept for who comes later
    return [body for body in held if _number(body) >= first]


def _number(body: str) -> int:
    return int(body.partition(".")[2])


async def make(sources: Sequence[Source]) -> None:
    """Make what they read."""
    for source in sources:
        await source.make()


@asynccontextmanager
async def opened(
    directory: Path, sources: Sequence[Source], access: Access, report: Report, *, ready: bool = True
) -> AsyncIterator[Scene]:
    """A gateway of these sources, by default when messages flow from end to end."""
    text = _FILE + "".join(source.table(access) for source in sources)
    async with anyio.create_task_group() as tasks:
        if ready:
            await make(sources)
        async with running(directory, text, ready=ready) as gateway:
            scene = Scene(gateway, sources, report, tasks, ready=ready)
            await scene.connect()
            if ready:
                scene.begin()
                await scene.flow()
            yield scene
            tasks.cancel_scope.cancel()
