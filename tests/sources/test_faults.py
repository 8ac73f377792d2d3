"""Whatever befalls the upstream, in any order: every message is published once and in order, or its loss is told."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import count

import anyio
import pytest

from sse_gateway.testing import MemoryUpstream

from .rig import Rig, running

PARTITIONS = ("x", "y")


class Ordeal:
    """An upstream that suffers at random, and a reader of what the gateway makes of it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.rig = Rig(upstream=MemoryUpstream(PARTITIONS))
        self.sent: dict[str, list[bytes]] = defaultdict(list)
        """By epoch, the bodies in the order of sending: each names its epoch, partition and offset."""
        self.begun: dict[str, dict[str, int]] = {}
        """By epoch, where the log began: what the upstream had forgotten by then is no loss of ours."""
        self.got: list[bytes | str] = []
        self.numbers = count()

    async def step(self) -> None:
        upstream, chance = self.rig.upstream, self.chance
        name = chance.choice(PARTITIONS)
        floor, end = upstream.bounds()[name]
        match chance.choices(["put", "cut", "refuse", "trim", "skip", "recreate", "wait"], [8, 2, 2, 2, 1, 0.4, 6])[0]:
            case "put":
                self.put(name, chance.randrange(1, 6))
            case "cut":
                upstream.cut()
            case "refuse":
                upstream.refusing = chance.choice([None, "closed"])
            case "trim":
                upstream.trim({name: chance.randint(floor, end)})
            case "skip":
                upstream.skip(chance.randrange(1, 4), partition=name)
            case "recreate":
                upstream.recreate(f"epoch-{next(self.numbers)}")
            case "wait":
                with anyio.move_on_after(0.002):
                    await anyio.wait_all_tasks_blocked()
        self.read()

    def read(self) -> None:
        log = self.rig.log
        self.got += self.rig.bodies()
        if log.epoch is not None:
            self.begun[log.epoch] = dict(log.begun)

    def put(self, partition: str, many: int) -> None:
        upstream = self.rig.upstream
        for _ in range(many):
            body = f"{upstream.epoch} {partition} {upstream.bounds()[partition][1]}".encode()
            self.sent[upstream.epoch].append(body)
            self.rig.put(body, partition=partition)

    async def settle(self) -> None:
        upstream = self.rig.upstream
        upstream.refusing = None
        self.put("x", 1)
        ends = {name: end for name, (_, end) in upstream.bounds().items()}
        await self.rig.until(lambda: (self.rig.log.epoch, self.rig.log.offsets()) == (upstream.epoch, ends))
        self.read()

    def check(self) -> None:
        lives: list[list[bytes | str]] = [[]]
        for item in self.got:
            if item == "epoch":
                lives.append([])
            lives[-1].append(item)
        for life in lives:
            self.check_life([item for item in life if isinstance(item, bytes)], told="expired" in life)
        assert self.sent[self.rig.upstream.epoch][-1] in self.got

    def check_life(self, got: list[bytes], *, told: bool) -> None:
        epochs = {body.split()[0].decode() for body in got}
        assert len(epochs) <= 1, "two histories are mixed"
        for epoch in epochs:
            for name in PARTITIONS:
                self.check_partition(offsets(got, name), offsets(self.sent[epoch], name), self.begun[epoch][name], told)

    def check_partition(self, got: list[int], sent: list[int], begun: int, told: bool) -> None:
        assert got == sorted(set(got)), "repeated, or out of order"
        due = [offset for offset in sent if begun <= offset <= max(got, default=-1)]
        assert got == due or told, "lost without a word"


def offsets(bodies: list[bytes], partition: str) -> list[int]:
    return [int(body.split()[2]) for body in bodies if body.split()[1] == partition.encode()]


@pytest.mark.parametrize("seed", range(40))
async def test_nothing_is_lost_in_silence_nor_repeated(seed: int) -> None:
    ordeal = Ordeal(seed)
    async with running(ordeal.rig):
        for _ in range(80):
            await ordeal.step()
        await ordeal.settle()
    ordeal.check()
