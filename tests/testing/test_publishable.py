"""`PublishableContract` finds what publishing can do wrong: each connector here does it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sse_gateway.connector import Message
from sse_gateway.testing import MemoryConnector, PublishableContract

from .hooks import MemoryHooks

pytestmark = pytest.mark.anyio


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


BROKEN: list[tuple[type[MemoryConnector], str]] = [
    (DropsHeaders, "what_is_published_is_received"),
    (DropsTheId, "what_is_published_is_received"),
    (PublishesNothing, "what_is_published_is_received"),
    (PublishesBackwards, "publishing_keeps_the_order_of_a_key"),
]


class Suite(MemoryHooks, PublishableContract):
    patience = 0.3


@pytest.mark.parametrize(("kind", "test"), BROKEN, ids=lambda value: getattr(value, "__name__", value))
async def test_a_broken_publisher_fails(kind: type[MemoryConnector], test: str) -> None:
    suite = Suite()
    suite.kind = kind
    suite.open()
    with pytest.raises((Exception, pytest.fail.Exception)):
        await getattr(suite, f"test_{test}")()


def test_every_test_of_the_suite_fails_for_some_broken_publisher() -> None:
    tests = {name.removeprefix("test_") for name in vars(PublishableContract) if name.startswith("test_")}
    assert tests == {test for _, test in BROKEN}
