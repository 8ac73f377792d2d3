"""What the tests read of a connector, whatever its upstream is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio

from sse_gateway.connector import Connector, Message, SourceUnavailable

_PATIENCE = 30.0


async def read(source: Connector[Any], count: int) -> list[Message]:
    """So many messages at least, each batch acknowledged."""
    received: list[Message] = []
    with anyio.fail_after(_PATIENCE):
        while len(received) < count:
            batch = await source.receive()
            received += batch
            if batch:
                await source.ack(batch[-1])
    return received


async def lost(source: Connector[Any], received: list[Message]) -> str:
    """Read until the line is lost, into `received`; returns the reason."""
    with anyio.fail_after(_PATIENCE):
        while True:
            try:
                received += await source.receive()
            except SourceUnavailable as reason:
                return str(reason)


@asynccontextmanager
async def entered(source: Connector[Any]) -> AsyncIterator[Connector[Any]]:
    """Enter `source` as the supervisor does: again and again until the upstream is ready."""
    with anyio.fail_after(_PATIENCE):
        while True:
            try:
                await source.__aenter__()
                break
            except SourceUnavailable:
                await anyio.sleep(0.05)
    try:
        yield source
    finally:
        await source.__aexit__(None, None, None)


async def read_again(source: Connector[Any], count: int) -> list[Message]:
    """Enter `source` and read so many messages, again and again until the line holds for so long."""
    with anyio.fail_after(_PATIENCE):
        while True:
            try:
                async with source:
                    return await read(source, count)
            except SourceUnavailable:
                await anyio.sleep(0.05)
