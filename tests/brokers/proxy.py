"""A line to a broker that the test can cut, refuse, or let fall silent as a broken network does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from .ports import free_ports


class Proxy:
    """Listens on a port of its own and passes bytes on to the broker, both ways."""

    def __init__(self, target: int | str, host: str, port: int) -> None:
        self.port = port
        self.url = ""
        """The broker's, through here, if its URL was given."""
        self._host = host
        if isinstance(target, int):
            self._target = "127.0.0.1", target
        else:
            parts = urlsplit(target)
            self._target = parts.hostname or "", parts.port or 5672
            credentials = parts.netloc.rpartition("@")[0]
            self.url = parts._replace(netloc=f"{credentials}@{host}:{port}").geturl()
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._forgotten: list[asyncio.Event] = []
        self._lines: set[asyncio.StreamWriter] = set()

    @classmethod
    @asynccontextmanager
    async def open(cls, target: int | str, port: int | None = None, *, host: str = "127.0.0.1") -> AsyncIterator[Proxy]:
        """A proxy in front of a URL or a port of 127.0.0.1, on `port` or on one that stays its own while it refuses."""
        proxy = cls(target, host, port or free_ports(1)[0])
        await proxy.accept()
        try:
            yield proxy
        finally:
            proxy.thaw()
            await proxy.refuse()

    async def accept(self) -> None:
        """Listen, after `refuse()` again on the same port."""
        self._server = await asyncio.start_server(self._serve, self._host, self.port)

    async def refuse(self) -> None:
        """Cut all lines and let nobody in."""
        if self._server is not None:
            self._server.close()
            self.cut()
            await self._server.wait_closed()
            self._server = None

    def cut(self) -> None:
        """Both sides of every line are reset."""
        for writer in list(self._lines):
            writer.transport.abort()

    def freeze(self) -> None:
        """Lines stay open, and new ones are let in, but nothing passes: each side only sees silence."""
        self._flowing.clear()

    def forget(self) -> None:
        """Half-open: the lines that there are stay open, and neither side hears of the other again, not even that it hung
        up; new lines work."""
        self._flowing.clear()
        self._forgotten.append(self._flowing)
        self._flowing = asyncio.Event()
        self._flowing.set()

    def thaw(self) -> None:
        """Bytes pass again, on all lines."""
        for flowing in (*self._forgotten, self._flowing):
            flowing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._lines |= {writer, far_writer}
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pass(reader, far_writer))
                tasks.create_task(self._pass(far_reader, writer))
        finally:
            self._lines -= {writer, far_writer}
            writer.transport.abort()
            far_writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        flowing = self._flowing
        try:
            while data := await reader.read(65536):
                await flowing.wait()
                if not writer.is_closing():
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
        await flowing.wait()
        writer.close()  # whichever side ends, the other is told, as a router would pass on its FIN
