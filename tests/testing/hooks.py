"""The hooks of the contract suites for `MemoryConnector`, and for connectors that break the contract in one way
each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import anyio.lowlevel

from sse_gateway.connector import Connector
from sse_gateway.testing import ContractHooks, MemoryConfig, MemoryConnector, MemoryUpstream


class MemoryHooks(ContractHooks):
    redelivers = True
    kind: type[MemoryConnector] = MemoryConnector

    def open(self, partitions: Sequence[str] = ("",)) -> None:
        self.partitions = partitions
        self.memory = MemoryUpstream(partitions)

    async def connector(self) -> Connector[Any]:
        return self.kind(MemoryConfig(batch=7), name="memory", upstream=self.memory)

    async def send(self, bodies: Sequence[bytes]) -> None:
        for number, body in enumerate(bodies):
            self.memory.put(body, partition=self.partitions[number % len(self.partitions)])
            await anyio.lowlevel.checkpoint()

    async def break_line(self) -> None:
        self.memory.cut()

    async def unreachable(self) -> Connector[Any]:
        other = MemoryUpstream()
        other.refusing = "wrong password"
        return self.kind(MemoryConfig(), name="memory", upstream=other)

    async def trim(self) -> None:
        self.memory.trim({name: end for name, (_, end) in self.memory.bounds().items()})
