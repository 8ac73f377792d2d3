"""`PublishableContract`: the tests of a connector that carries another source's messages."""

from __future__ import annotations

from typing import ClassVar

import anyio

from ..connector import Message, Publishable
from .contract import ConnectorContract

__all__ = ["PublishableContract"]


class PublishableContract(ConnectorContract):
    """As `ConnectorContract`, and what `Publishable` promises: what one replica publishes, every replica receives."""

    key: ClassVar[str] = "contract"
    """A key with which a message comes back to the connector that is tested."""

    async def test_what_is_published_is_received(self) -> None:
        """Body, key, headers and id arrive as they were published, on the replica that published and on another."""
        message = Message(body=b'{"a":"\xc3\xa9"}', key=self.key, headers={"x-kind": "created"}, id="1-2")
        async with await self.connector() as first, await self.connector() as second:
            assert isinstance(first, Publishable)
            with anyio.fail_after(self.patience):
                await first.publish(message)
            for replica in (first, second):
                (received,) = await self.receive(replica, 1)
                assert (received.body, received.key, received.id) == (message.body, message.key, message.id)
                assert received.headers["x-kind"] == "created"

    async def test_publishing_keeps_the_order_of_a_key(self) -> None:
        """Messages of one key are received in the order in which they were published."""
        sent = [b'{"n":%d}' % number for number in range(20)]
        async with await self.connector() as connector:
            assert isinstance(connector, Publishable)
            with anyio.fail_after(self.patience):
                for body in sent:
                    await connector.publish(Message(body=body, key=self.key))
            assert [message.body for message in await self.receive(connector, len(sent))] == sent
