"""A gateway with connectors that have a bug: python buggy.py FILE."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import anyio

from sse_gateway import app
from sse_gateway.config import load
from sse_gateway.connector import Connector, ConnectorConfig, Message


class Failing(Connector[ConnectorConfig]):
    """Fails after a second in a way that the contract does not know."""

    Config = ConnectorConfig

    async def receive(self) -> list[Message]:
        await anyio.sleep(1)
        raise ZeroDivisionError("a bug")


class Blocking(Connector[ConnectorConfig]):
    """Stops the loop when it is left."""

    Config = ConnectorConfig

    async def __aexit__(self, *exc: object) -> None:
        time.sleep(60)  # noqa: ASYNC251

    async def receive(self) -> list[Message]:
        await anyio.sleep_forever()
        return []


CLASSES: dict[str, type[Connector[Any]]] = {"failing": Failing, "blocking": Blocking}
vars(app)["connectors"] = lambda names: {name: CLASSES[name] for name in names}  # they are not installed
app.serve(load(Path(sys.argv[1]).read_text(), CLASSES, environ={}))
