"""The states of clients: whatever happens, each is in one, stands in the collection of that one alone, and misses nothing."""

from __future__ import annotations

import random

import pytest

from sse_gateway.delivery.client import State

from .stage import Stage, stage
from .wire import Wire, until

pytestmark = pytest.mark.anyio


def check(scene: Stage) -> None:
    """Each client stands in the collection of its state, and nobody else does."""
    roster = scene.fanout.roster
    for client in roster.clients:
        here = [state for state, clients in roster.states.items() if client in clients]
        ready = client in client.group.ready
        assert here == ([] if ready else [client.state])
        assert ready == (client.state is State.READY) == (client.reader is None)
        assert client.connection.pending or client.state is not State.BLOCKED
    standing = sum(map(len, roster.states.values())) + sum(
        len(group.ready) for group in {client.group for client in roster.clients}
    )
    assert standing == len(roster.clients)


@pytest.mark.parametrize("seed", range(20))
async def test_each_client_is_in_one_state_and_gets_each_event_once(seed: int) -> None:
    """Clients come, resume, block, read again and leave at random, some before this replica has what they have seen, while
    events of two channels are published; in the end all that are left have what was published after they came."""
    rng = random.Random(seed)
    async with stage(lifetime="1h") as scene:
        published: list[str] = []
        wires: list[tuple[Wire, int]] = []
        ids: list[tuple[str, int]] = []

        async def come() -> None:
            if ids and rng.random() < 0.5:
                id, since = rng.choice(ids)
                wires.append((await scene.open("a", wire=Wire("future"), id=id), since))
            else:
                wires.append((await scene.open("a", wire=Wire("future")), len(published)))

        for step in range(150):
            match rng.randrange(7):
                case 0:
                    await come()
                case 1 if wires:
                    wire, _ = rng.choice(wires)
                    wire.stuck = True
                case 2 if wires:
                    wire, _ = rng.choice(wires)
                    wire.release()
                case 3 if wires:
                    wire, _ = wires.pop(rng.randrange(len(wires)))
                    wire.leave()
                case 4:
                    scene.publish("b", "other")
                case _:
                    published.append(str(step))
                    scene.publish("a", str(step))
            check(scene)
            await scene.pass_time(rng.choice([0, 0.01, 0.1]))
            check(scene)
            ids += [(wire.events()[-1].id, since + len(wire.data())) for wire, since in wires if rng.random() < 0.1]
        for wire, _ in wires:
            wire.release()
        await until(lambda: not scene.blocked)
        await scene.fanout.flush()
        await scene.fanout.flush()
        check(scene)
        assert not scene.lagging
        assert all(wire.data() == published[since:] for wire, since in wires)
        assert not any(wire.overlaps for wire, _ in wires)
