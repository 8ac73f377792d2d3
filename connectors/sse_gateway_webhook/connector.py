"""The connector itself: no line to an upstream, only senders that call."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from starlette.routing import BaseRoute, Route

from sse_gateway.connector import Connector, Message

from .config import WebhookConfig
from .deliveries import Window
from .endpoint import Endpoint
from .intake import Intake

__all__ = ["WebhookConnector"]


class WebhookConnector(Connector[WebhookConfig]):
    """Answers 202 once what was posted is in the log, and 503 while it is not entered: senders then come again."""

    Config = WebhookConfig

    def __init__(self, config: WebhookConfig, *, name: str) -> None:
        super().__init__(config, name=name)
        window = Window(span=config.dedupe.window, entries=config.dedupe.entries)
        self._intake = Intake(window, self.tally)
        self._endpoint = Endpoint(config, self._intake, self.tally)

    def routes(self) -> Sequence[BaseRoute]:
        """One route, which answers every method by itself."""
        return [Route(self.config.path, self._endpoint, name=f"webhook:{self.name}")]

    async def __aenter__(self) -> Self:
        self._intake.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._intake.close()

    async def receive(self) -> Sequence[Message]:
        """All that was posted and not handed out yet."""
        return await self._intake.take()

    async def ack(self, message: Message) -> None:
        """Answers the senders of `message` and of all before it."""
        self._intake.acknowledge(message.receipt)
