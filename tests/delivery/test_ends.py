"""What is left of a client whose stream was ended from this side: nothing more is sent, and its request returns."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from ..golden.public import EVENT_STREAM, Public, public
from ..public.asgi import scope
from .wire import Wire, until

pytestmark = pytest.mark.anyio


async def test_nothing_follows_a_farewell() -> None:
    """Its server may take a while to tell that the client has gone. ASGI forbids a message after the last one."""
    async with public('[limits]\nlifetime = "1h"') as scene:
        wire = await scene.ask("/events/a", wire=Wire("future"))
        wire.stuck = True
        await scene.pass_time(4000)
        assert wire.ended
        scene.publish("a", "late")
        await scene.settle()
        await scene.pass_time(16)
        assert wire.ended
        assert scene.fanout.clients == 1
        wire.leave()
        await until(lambda: scene.fanout.clients == 0)


async def request(scene: Public, wire: Wire, ended: list[str]) -> None:
    """A request as a server makes it, and how it ended."""
    try:
        await scene.app(scope("GET", "/events/a", {"accept": EVENT_STREAM}, "127.0.0.1"), wire.receive, wire.send)
        task = asyncio.current_task()
        ended.append("in order" if task is not None and not task.cancelling() else "with a cancellation left over")
    except asyncio.CancelledError:
        ended.append("cancelled")
        raise


async def test_the_request_of_a_client_that_takes_nothing_returns_in_order() -> None:
    """The cancellation that ends it is the gateway's own, and the server never sees it."""
    async with public('[limits]\nsend_timeout = "5s"') as scene:
        wire, ended = Wire("future"), list[str]()
        scene.tasks.start_soon(request, scene, wire, ended)
        await until(lambda: len(wire.messages) == 2)
        await scene.settle()
        wire.stuck = True
        scene.publish("a", "one")
        await scene.settle()
        await scene.pass_time(5.2)
        await until(lambda: bool(ended))
        assert ended == ["in order"]
        assert scene.count("clients_closed_total", route="/events/{name}", reason="timeout") == 1


async def test_the_cancellation_of_a_request_by_its_server_is_never_absorbed() -> None:
    async with public() as scene:
        wire, ended = Wire(), list[str]()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(request, scene, wire, ended)
            await until(lambda: len(wire.messages) == 2)
            tasks.cancel_scope.cancel()
        assert ended == ["cancelled"]
        assert scene.fanout.clients == 0


async def test_a_drain_waits_for_a_client_that_came_after_all_others_had_gone() -> None:
    async with public() as scene:
        first = await scene.ask("/events/a")
        first.leave()
        await until(lambda: scene.fanout.clients == 0)
        second = await scene.ask("/events/a")
        drained: list[int] = []

        async def drain() -> None:
            await scene.fanout.drain(spread=1, retry=1)
            drained.append(scene.fanout.clients)

        scene.tasks.start_soon(drain)
        await scene.settle()
        assert not drained
        await scene.pass_time(1.2)
        await until(lambda: bool(drained))
        assert drained == [0]
        assert second.ended
