"""A line to the broker that the test can cut, or let fall silent as a broken network does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

__all__ = ["Proxy"]


class Proxy:
    """Listens on a port of its own and passes bytes on to the broker, both ways."""

    def __init__(self, url: str, host: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._target = parts.hostname, parts.port or 5672
        self._parts = parts
        self._flowing = True
        self._accepting = True
        self._lines: set[asyncio.StreamWriter] = set()
        self._near: set[asyncio.StreamWriter] = set()
        self._host, self._port = host, 0

    @property
    def url(self) -> str:
        """The broker's URL, through here."""
        parts, credentials = self._parts, self._parts.netloc.rpartition("@")[0]
        return parts._replace(netloc=f"{credentials}@{self._host}:{self._port}").geturl()

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, host: str = "127.0.0.1") -> AsyncIterator[Proxy]:
        proxy = cls(url, host)
        server = await asyncio.start_server(proxy._serve, host, 0)
        proxy._port = server.sockets[0].getsockname()[1]
        try:
            yield proxy
        finally:
            server.close()
            proxy.cut()
            await server.wait_closed()

    def cut(self) -> None:
        """Both sides are reset."""
        for writer in list(self._lines):
            writer.transport.abort()

    def refuse(self) -> None:
        """New lines are reset at once, as by a host without the broker."""
        self._accepting = False

    def accept(self) -> None:
        """New lines are passed on again."""
        self._accepting = True

    def freeze(self) -> None:
        """Lines stay open, and what is sent on them is lost: each side only sees silence."""
        self._flowing = False

    def thaw(self) -> None:
        """Bytes pass again. A line that has lost some is of no use: cut it."""
        self._flowing = True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._accepting:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._lines |= {writer, far_writer}
        self._near.add(writer)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pass(reader, far_writer))
                tasks.create_task(self._pass(far_reader, writer))
        finally:
            self._lines -= {writer, far_writer}
            self._near.discard(writer)
            writer.transport.abort()
            far_writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if self._flowing and not writer.is_closing():
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
        if self._flowing or writer not in self._near:  # that the broker gave up is lost as well
            writer.close()
