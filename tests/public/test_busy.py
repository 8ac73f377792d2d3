"""What becomes of a client that can't be served now."""

from __future__ import annotations

import anyio
import pytest

from sse_gateway.delivery.client import StreamRequest
from sse_gateway.metrics import DrainStage
from sse_gateway.sse.stream import Broadcast, Stream

from .public import Feed, Gateway

pytestmark = pytest.mark.anyio


async def test_there_is_room_again_when_a_client_has_gone() -> None:
    gateway = Gateway("[limits]\nclients = 1")

    for _ in range(3):
        assert (await gateway.get("/events/orders/1")).status == 200
    assert len(gateway.served) == 3


async def test_one_address_has_a_limit_of_its_own() -> None:
    gateway = Gateway("[limits]\nclients_per_address = 1", hold=True)
    async with anyio.create_task_group() as group:
        group.start_soon(gateway.get, "/events/orders/1")
        await anyio.wait_all_tasks_blocked()

        again = await gateway.get("/events/orders/1")
        gateway.let_go.set()
        other = await gateway.get("/events/orders/1", client="192.0.2.1")

    assert (again.status, other.status) == (429, 200)
    assert gateway.refused("address") == 1


async def test_behind_a_trusted_proxy_each_client_has_its_own_address() -> None:
    gateway = Gateway("[server]\ntrusted_proxies = ['127.0.0.1']\n[limits]\nclients_per_address = 1", hold=True)
    async with anyio.create_task_group() as group:
        group.start_soon(gateway.get, "/events/orders/1", {"x-forwarded-for": "192.0.2.1"})
        await anyio.wait_all_tasks_blocked()
        gateway.let_go.set()

        assert (await gateway.get("/events/orders/1", {"x-forwarded-for": "192.0.2.2"})).status == 200


async def test_a_client_that_is_turned_away_is_counted() -> None:
    gateway = Gateway("[limits]\nclients = 1", hold=True)
    async with anyio.create_task_group() as group:
        group.start_soon(gateway.get, "/events/orders/1")
        await anyio.wait_all_tasks_blocked()
        await gateway.get("/events/orders/1")
        gateway.gate.enter(DrainStage.FAREWELLS)
        await gateway.get("/events/orders/1")
        gateway.let_go.set()
    assert (gateway.refused("limit"), gateway.refused("draining"), len(gateway.served)) == (1, 1, 1)


async def test_clients_are_still_taken_while_only_readiness_is_off() -> None:
    gateway = Gateway()
    gateway.gate.enter(DrainStage.UNREADY)

    assert len((await gateway.get("/events/orders/1")).body) == 0
    assert len(gateway.served) == 1


async def test_a_stream_that_fails_gives_its_place_back() -> None:
    class Failing(Feed):
        def begin(self, stream: Stream) -> bytes:
            raise RuntimeError("a bug")

    class Broken(Gateway):
        def feed(self, request: StreamRequest) -> Broadcast:
            return Failing(self, request)

    gateway = Broken("[limits]\nclients = 1")
    for _ in range(2):
        with pytest.raises(RuntimeError):
            await gateway.get("/events/orders/1")
    assert gateway.refused("limit") == 0
