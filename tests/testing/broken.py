"""Connectors that break the contract, each in one way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, Self

import anyio
import anyio.lowlevel

from sse_gateway.connector import Connector, Message, OffsetExpired, SourceUnavailable
from sse_gateway.testing import ContractHooks, MemoryConfig, MemoryConnector, MemoryUpstream

Offsets = Mapping[str, int]
OPENED: list[int] = []
TASKS: list[asyncio.Task[None]] = []
NUMBERS = count()


def open_descriptor() -> None:
    OPENED.append(os.dup(0))


class ForgetsWhenCancelled(MemoryConnector):
    async def receive(self) -> Sequence[Message]:
        batch = await super().receive()
        await anyio.lowlevel.checkpoint()
        return batch


class Reorders(MemoryConnector):
    async def receive(self) -> Sequence[Message]:
        return list(await super().receive())[::-1]


class Shouts(MemoryConnector):
    async def receive(self) -> Sequence[Message]:
        return [replace(message, headers={"X-Kind": "a"}) for message in await super().receive()]


class CountsInMilliseconds(MemoryConnector):
    async def receive(self) -> Sequence[Message]:
        return [replace(message, timestamp=(message.timestamp or 0) * 1000) for message in await super().receive()]


class NamesPartitionsFreely(MemoryConnector):
    async def receive(self) -> Sequence[Message]:
        return [replace(message, partition="orders-0") for message in await super().receive()]


class StandsStill(MemoryConnector):
    def positions(self) -> dict[str, int]:
        return dict.fromkeys(super().positions(), 0)


class RunsAhead(MemoryConnector):
    def positions(self) -> dict[str, int]:
        return {partition: offset + 1 for partition, offset in super().positions().items()}


class ChangesItsEpoch(MemoryConnector):
    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.epoch = f"epoch-{next(NUMBERS)}"
        return self


class HasNoEpoch(MemoryConnector):
    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.epoch = ""
        return self


class EntersOnce(MemoryConnector):
    async def __aenter__(self) -> Self:
        if self.epoch:
            raise SourceUnavailable("entered before")
        return await super().__aenter__()


class LeavesATask(MemoryConnector):
    async def __aexit__(self, *exception: Any) -> None:
        TASKS.append(asyncio.create_task(anyio.sleep_forever()))
        await super().__aexit__(*exception)


class LeavesADescriptor(MemoryConnector):
    async def __aexit__(self, *exception: Any) -> None:
        open_descriptor()
        await super().__aexit__(*exception)


class LeavesADescriptorWhenRefused(MemoryConnector):
    async def __aenter__(self) -> Self:
        open_descriptor()
        await super().__aenter__()
        os.close(OPENED.pop())
        return self


class LeavesADescriptorWhenCancelled(LeavesADescriptorWhenRefused):
    async def __aenter__(self) -> Self:
        open_descriptor()
        await anyio.sleep(0.002)
        os.close(OPENED.pop())
        return await super().__aenter__()


class ClosesTooLate(MemoryConnector):
    async def __aenter__(self) -> Self:
        await super().__aenter__()
        open_descriptor()
        return self

    async def __aexit__(self, *exception: Any) -> None:
        await anyio.lowlevel.checkpoint()  # cancelled here, it never comes to the next line
        os.close(OPENED.pop())
        await super().__aexit__(*exception)


class RaisesItsLibrarysError(MemoryConnector):
    async def receive(self) -> Sequence[Message]:
        try:
            return await super().receive()
        except SourceUnavailable as error:
            raise ConnectionResetError("peer") from error


class SaysNothingOfTheLoss(MemoryConnector):
    async def receive(self) -> Sequence[Message]:
        try:
            return await super().receive()
        except SourceUnavailable:
            await anyio.sleep_forever()
            raise


class GivesNoReason(MemoryConnector):
    async def __aenter__(self) -> Self:
        try:
            return await super().__aenter__()
        except SourceUnavailable:
            raise SourceUnavailable from None


class FailsAnAckAfterTheLoss(MemoryConnector):
    async def ack(self, message: Message) -> None:
        try:
            await super().ack(message)
        except SourceUnavailable as error:
            raise RuntimeError("channel closed") from error


class AcksEverything(MemoryConnector):
    async def ack(self, message: Message) -> None:
        await super().ack(replace(message, receipt=dict(self.positions())))


class AcksNothing(MemoryConnector):
    async def ack(self, message: Message) -> None:
        pass


class AcksByItself(MemoryConnector):
    async def receive(self) -> Sequence[Message]:
        batch = await super().receive()
        await super().ack(batch[-1])
        return batch


class IsNeverWell(MemoryConnector):
    async def check(self) -> None:
        raise SourceUnavailable("not today")


class LooseConfig(MemoryConfig):
    model_config = {"extra": "ignore"}


class UndescribedConfig(MemoryConfig):
    colour: str = "red"


class IsLooselyConfigured(MemoryConnector):
    Config = LooseConfig


class DescribesNothing(MemoryConnector):
    Config = UndescribedConfig


class StartsLate(MemoryConnector):
    def replay(self, start: Offsets, stop: Offsets | None = None) -> Connector[Any]:
        return super().replay({name: offset + 1 for name, offset in start.items()}, stop)


class StartsEarly(MemoryConnector):
    def replay(self, start: Offsets, stop: Offsets | None = None) -> Connector[Any]:
        return super().replay({name: max(offset - 1, 0) for name, offset in start.items()}, stop)


class StopsLate(MemoryConnector):
    def replay(self, start: Offsets, stop: Offsets | None = None) -> Connector[Any]:
        return super().replay(start, stop and {name: offset + 1 for name, offset in stop.items()})


class StartsAtTheEnd(MemoryConnector):
    def replay(self, start: Offsets, stop: Offsets | None = None) -> Connector[Any]:
        ends = {name: end for name, (_, end) in self.upstream.bounds().items()}
        return super().replay({**ends, **start}, stop)


class NeverStops(MemoryConnector):
    def replay(self, start: Offsets, stop: Offsets | None = None) -> Connector[Any]:
        return super().replay(start)


class BoundsFallShort(MemoryConnector):
    async def bounds(self) -> Mapping[str, tuple[int, int]]:
        return {name: (floor, max(end - 1, floor)) for name, (floor, end) in (await super().bounds()).items()}


class _OtherEpoch(MemoryConnector):
    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.epoch = "replay"
        return self


class ReplaysInAnotherEpoch(MemoryConnector):
    def replay(self, start: Offsets, stop: Offsets | None = None) -> Connector[Any]:
        return _OtherEpoch(self.config, name=self.name, upstream=self.upstream, start=start, stop=stop)


class TakesTheTailsLine(MemoryConnector):
    def replay(self, start: Offsets, stop: Offsets | None = None) -> Connector[Any]:
        self.upstream.cut()
        return super().replay(start, stop)


class StartsWhereItCan(MemoryConnector):
    def replay(self, start: Offsets, stop: Offsets | None = None) -> Connector[Any]:
        return super().replay(
            {name: max(start.get(name, 0), floor) for name, (floor, _) in self.upstream.bounds().items()}
        )


class _Expires(MemoryConnector):
    async def receive(self) -> Sequence[Message]:
        raise OffsetExpired({})


class DoesNotSayWhereItBegins(MemoryConnector):
    def replay(self, start: Offsets, stop: Offsets | None = None) -> Connector[Any]:
        return _Expires(self.config, name=self.name, upstream=self.upstream)


class FindsTimesTooLate(MemoryConnector):
    async def offsets_at(self, timestamp: float) -> Offsets:
        found = await super().offsets_at(timestamp)
        return found if timestamp in (0, 4_102_444_800) else {name: offset + 5 for name, offset in found.items()}


class DropsHeaders(MemoryConnector):
    async def publish(self, message: Message) -> None:
        await super().publish(replace(message, headers={}))


class DropsTheId(MemoryConnector):
    async def publish(self, message: Message) -> None:
        await super().publish(replace(message, id=None))


class PublishesNothing(MemoryConnector):
    async def publish(self, message: Message) -> None:
        pass


class PublishesBackwards(MemoryConnector):
    held: Message | None = None

    async def publish(self, message: Message) -> None:
        if self.held is None:
            self.held = message
        else:
            await super().publish(message)
            await super().publish(self.held)
            self.held = None


class MemoryHooks(ContractHooks):
    redelivers = True
    kind: type[MemoryConnector] = MemoryConnector

    def open(self, partitions: Sequence[str] = ("",)) -> None:
        self.partitions = partitions
        self.memory = MemoryUpstream(partitions)

    async def connector(self) -> Connector[Any]:
        return self.kind(MemoryConfig(batch=7), name="memory", upstream=self.memory)

    async def send(self, bodies: Sequence[bytes]) -> None:
        for number, body in enumerate(bodies):
            self.memory.put(body, partition=self.partitions[number % len(self.partitions)])
            await anyio.lowlevel.checkpoint()

    async def break_line(self) -> None:
        self.memory.cut()

    async def unreachable(self) -> Connector[Any]:
        other = MemoryUpstream()
        other.refusing = "wrong password"
        return self.kind(MemoryConfig(), name="memory", upstream=other)

    async def trim(self) -> None:
        self.memory.trim({name: end for name, (_, end) in self.memory.bounds().items()})
