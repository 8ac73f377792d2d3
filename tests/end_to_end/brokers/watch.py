"""What `/readyz` says while something happens."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import anyio

from ..gateway import Gateway

_PATIENCE = 90.0


@dataclass
class Watch:
    """Asks again and again."""

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
