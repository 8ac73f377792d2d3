"""What may be the content of a response: anything that can be iterated."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from sse_gateway import EventSourceResponse

from .wire import serve, some

pytestmark = pytest.mark.anyio


class Iterator:
    """An async iterator that is no generator."""

    def __init__(self) -> None:
        self.items = iter("abc")

    def __aiter__(self) -> Iterator:
        return self

    async def __anext__(self) -> str:
        for item in self.items:
            return item
        raise StopAsyncIteration


def channel() -> Any:
    send, receive = anyio.create_memory_object_stream[str](3)
    with send:
        for item in "abc":
            send.send_nowait(item)
    return receive


def generator() -> Any:
    yield from "abc"


CONTENTS = {
    "async generator": lambda: some(*"abc"),
    "async iterator": Iterator,
    "generator": generator,
    "list": lambda: [*"abc"],
    "memory channel": channel,
}


@pytest.mark.parametrize("kind", CONTENTS)
async def test_all_of_it_arrives_in_order(kind: str) -> None:
    assert (await serve(EventSourceResponse(CONTENTS[kind]()))).data() == [*"abc"]
