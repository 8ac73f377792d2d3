"""A database and sessions with it, as the document's example has them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio


def users(directory: Path) -> Path:
    """A new database of three users."""
    path = directory / "users.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE users (id INTEGER, name TEXT)")
        connection.executemany("INSERT INTO users VALUES (?, ?)", [(1, "Ada"), (2, "Grace"), (3, "Joan")])
    connection.close()
    return path


class AsyncSession:
    """A database session that counts how often it was closed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.closed = 0

    async def __aenter__(self) -> AsyncSession:
        self.connection = await anyio.to_thread.run_sync(partial(sqlite3.connect, self.path, check_same_thread=False))
        return self

    async def __aexit__(self, *error: object) -> None:
        await asyncio.sleep(0)
        await anyio.to_thread.run_sync(self.connection.close)
        self.closed += 1

    async def execute(self, statement: str) -> list[tuple[Any, ...]]:
        return await anyio.to_thread.run_sync(lambda: self.connection.execute(statement).fetchall())


async def stream_database_results(session: AsyncSession) -> AsyncIterator[dict[str, Any]]:
    async with session:
        for number, name in await session.execute("SELECT id, name FROM users"):
            yield {"data": name, "id": str(number)}
