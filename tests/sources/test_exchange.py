"""The fake of a lossy upstream is a proper connector itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from sse_gateway.connector import Connector
from sse_gateway.testing import ConnectorContract, MemoryUpstream

from .rig import ExchangeConnector


class TestExchangeConnector(ConnectorContract):
    @pytest.fixture(autouse=True)
    def upstream(self) -> None:
        self.memory = MemoryUpstream()

    async def connector(self) -> Connector[Any]:
        return ExchangeConnector(self.memory)

    async def send(self, bodies: Sequence[bytes]) -> None:
        for body in bodies:
            self.memory.put(body)
            await anyio.lowlevel.checkpoint()

    async def break_line(self) -> None:
        self.memory.cut()

    async def unreachable(self) -> Connector[Any]:
        other = MemoryUpstream()
        other.refusing = "closed"
        return ExchangeConnector(other)
