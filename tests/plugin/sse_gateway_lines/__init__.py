"""The `lines` connector: connects to a TCP server, and each line that it sends is a message.

A whole connector, as somebody outside the project would write and publish one.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import SocketStream
from pydantic import Field

from sse_gateway.connector import Connector, ConnectorConfig, Message, SourceUnavailable

__all__ = ["LinesConfig", "LinesConnector"]

_CHUNK = 65_536


class LinesConfig(ConnectorConfig):
    """The table `[sources.NAME.lines]`."""

    host: str = Field(default="127.0.0.1", description="Host of the server.")
    port: int = Field(ge=1, le=65_535, description="Its port.")


class LinesConnector(Connector[LinesConfig]):
    """What the server sends while nobody is connected is lost: the connector has nothing to ask for it again with."""

    Config = LinesConfig
    lossy = True

    _stream: SocketStream | None = None
    _rest = b""

    async def __aenter__(self) -> Self:
        try:
            self._stream = await anyio.connect_tcp(self.config.host, self.config.port)
        except OSError as error:
            raise SourceUnavailable(f"{self.config.host}:{self.config.port}: {error}") from error
        self._rest = b""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._stream is not None:
            await anyio.aclose_forcefully(self._stream)
            self._stream = None

    async def receive(self) -> Sequence[Message]:
        if self._stream is None:
            raise SourceUnavailable("not connected")
        try:
            chunk = await self._stream.receive(_CHUNK)
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise SourceUnavailable("the server hung up") from error
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [Message(body=line) for line in lines]
