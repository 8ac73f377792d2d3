"""What the two modes do differently: who says which partitions we read, from where, and what an acknowledgement is."""

from __future__ import annotations

from typing import Any, Protocol

from aiokafka import TopicPartition

from .survey import Survey

__all__ = ["Place"]


class Place(Protocol):
    """Where one consumer stands in its partitions."""

    async def join(self) -> None:
        """Take the partitions and go to where reading begins. The consumer has started."""
        ...

    async def follow(self, survey: Survey) -> None:
        """The topics have other partitions than before."""
        ...

    async def reached(self) -> dict[TopicPartition, int]:
        """The next offset of the partitions where it may move without a message."""
        ...

    async def skip(self, offsets: dict[TopicPartition, int]) -> None:
        """What lies below these offsets is no longer there: go on at them."""
        ...

    def delivered(self, receipt: int, record: Any) -> None:
        """The record is given out as a message with this receipt; receipts rise."""
        ...

    async def ack(self, receipt: int) -> None:
        """What was given out up to this receipt is in the log."""
        ...

    async def idle(self) -> None:
        """Nothing came for a while."""
        ...

    async def leave(self) -> None:
        """The consumer is about to be closed."""
        ...
