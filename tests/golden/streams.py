"""Scenes with a gateway's own streams: the public application as a server calls it, on a clock of the test's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from sse_gateway.core import Bounds

from ..delivery.wire import Wire
from .public import EVENT_STREAM, NDJSON, ids, public
from .transcript import Transcript

FORMATS = {"event-stream": EVENT_STREAM, "ndjson": NDJSON}


async def openings(accept: str) -> str:
    """What comes first, with and without a wish to resume."""
    record = Transcript()
    async with public() as scene:
        for channel in ("a", "hook", "both", "none"):
            wire = await scene.ask(f"/events/{channel}", accept)
            record.messages(f"a stream of {channel!r} opens", wire.messages)
        start = ids(await scene.ask("/events/a", accept))[0]
        nowhere = ids(await scene.ask("/events/none", accept))[0]
        scene.publish("a", "one", "two")
        scene.call("both", "three", id="message-1")
        for title, id in {"with an id": start, "from earliest": "earliest", "from latest": "latest"}.items():
            wire = await scene.ask("/events/a", accept, id=id)
            record.messages(f"a stream is resumed {title}", wire.messages)
        for parameter in ("last_event_id", "lastEventId"):
            wire = await scene.ask(f"/events/a?{parameter}={start}", accept)
            record.messages(f"a stream is resumed by {parameter} in the query", wire.messages)
        wire = await scene.ask("/events/both", accept)
        both = ids(wire)[0]
        record.messages("a stream of two sources opens after a message with an id", wire.messages)
        resets = {
            "that is malformed": "nonsense",
            "that names an unknown source too": start + ".zzzzzz_0-5",
            "of another source": "1.zzzzzz_0-5",
            "of no source": nowhere,
        }
        for title, id in resets.items():
            wire = await scene.ask("/events/a", accept, id=id)
            record.messages(f"a stream is resumed with an id {title}", wire.messages)
        wire = await scene.ask("/events/both", accept, id="nonsense")
        record.messages("a stream of two sources is resumed with an id that is malformed", wire.messages)
        scene.hub.begin(scene.log, "e2", {"0": 0})
        for channel, id in {"a": start, "both": both}.items():
            wire = await scene.ask(f"/events/{channel}", accept, id=id)
            record.messages(f"a stream of {channel!r} is resumed with an id of an earlier epoch", wire.messages)
    return str(record)


async def gaps_of_resumes(accept: str) -> str:
    """What a client is told first that comes back too late."""
    record = Transcript()
    async with public(bounds=Bounds(2, 10**6, 600)) as scene:
        start = ids(await scene.ask("/events/a", accept))[0]
        both = ids(await scene.ask("/events/both", accept))[0]
        scene.publish("a", "one", "two", "three")
        wire = await scene.ask("/events/a", accept, id=start)
        record.messages("evicted", wire.messages)
        wire = await scene.ask("/events/a", accept, id=start + ".zzzzzz_0-5")
        record.messages("evicted, and an unknown source", wire.messages)
        await scene.pass_time(601)
        wire = await scene.ask("/events/a", accept, id=start)
        record.messages("expired", wire.messages)
        scene.hub.lose(scene.hooks, "upstream")
        scene.hub.lose(scene.log, "upstream", {"0": 9})
        wire = await scene.ask("/events/both", accept, id=both)
        record.messages("lost upstream, of two sources", wire.messages)
    async with public() as scene:
        start = ids(await scene.ask("/events/a", accept))[0]
        scene.hub.begin(scene.log, "e2", {"0": 5})
        later = ids(await scene.ask("/events/a", accept))[0]
        wire = await scene.ask("/events/a", accept, id=later.replace("-5", "-2"))
        record.messages("before the log began", wire.messages)
    return str(record)


async def events(accept: str) -> str:
    """Events of every kind."""
    record = Transcript()
    async with public() as scene:
        wire = await scene.ask("/events/a", accept)
        for data in (
            "plain",
            "",
            "two\nlines",
            "three\r\nmore\rlines\n",
            " a space",
            ":",
            'ü "quoted" \\ \u2028',
            "{}",
        ):
            scene.publish("a", data)
            await scene.settle()
        scene.publish("a", "with a type", type="greeting")
        await scene.settle()
        scene.publish("a", "", type="ü")
        await scene.settle()
        record.messages("one by one", wire.messages)
        wire = await scene.ask("/events/both", accept)
        scene.publish("both", "one", "two")
        scene.call("both", "three")
        scene.call("both", "four", id="message-1")
        scene.publish("b", "of another channel")
        scene.publish("both", "five")
        await scene.settle()
        record.messages("a burst of two sources", wire.messages)
    return str(record)


async def long_ids(accept: str) -> str:
    """Where an id stands that is longer than what is sent with each event."""
    record = Transcript()
    async with public() as scene:
        start = ids(await scene.ask("/events/a", accept))[0]
    for title, longest in {"just short enough": len(start), "too long": len(start) - 1}.items():
        async with public(f'[limits]\nmax_id = "{longest}B"') as scene:
            wire = await scene.ask("/events/a", accept)
            scene.publish("a", "one", "two", "three")
            await scene.settle()
            record.messages(f"ids that are {title}", wire.messages)
    async with public() as scene:
        scene.hub.advance(scene.log, {f"p{number}": 10**6 for number in range(512)})
        wire = await scene.ask("/events/a", accept)
        scene.publish("a", "one", "two")
        await scene.settle()
        record.messages("ids that could not be read back", wire.messages)
        wire = await scene.ask("/events/a", accept, id=ids(wire)[-1])
        record.messages("a stream is resumed with the id that stands for them", wire.messages)
    return str(record)


async def idle(accept: str) -> str:
    """Signs of life: nothing has moved, or the cursor has."""
    record = Transcript()
    async with public() as scene:
        wire = await scene.ask("/events/a", accept)
        start = ids(wire)[0]
        await scene.pass_time(15)
        scene.publish("b", "of another channel")
        await scene.pass_time(15)
        await scene.pass_time(15)
        record.messages("a stream is idle", wire.messages)
    async with public('[limits]\nheartbeat = "2s"') as scene:
        wire = await scene.ask("/events/a", accept, id=start.replace("-0", "-3"))
        await scene.pass_time(3)
        record.messages("a stream waits for what another replica has had", wire.messages)
        await scene.pass_time(3)
        scene.publish("a", "one")
        await scene.settle()
        record.messages("it has waited too long", wire.messages)
    return str(record)


async def losses(accept: str) -> str:
    """What a client is told of while its stream is open."""
    record = Transcript()
    async with public(bounds=Bounds(2, 10**6, 600)) as scene:
        wire = await scene.ask("/events/a", accept)
        scene.publish("a", "one", "two", "three", "four")
        await scene.settle()
        record.messages("evicted", wire.messages)
    async with public('[limits]\nsend_timeout = "1h"') as scene:
        wire = await scene.ask("/events/a", accept, wire=Wire("future"))
        wire.stuck = True
        scene.publish("a", "one")
        await scene.settle()
        scene.publish("a", "two")
        await scene.pass_time(601)
        wire.release()
        scene.publish("a", "three")
        await scene.settle()
        record.messages("expired while the client took nothing", wire.messages)
    async with public() as scene:
        wire, both = await scene.ask("/events/a", accept), await scene.ask("/events/both", accept)
        scene.hub.lose(scene.log, "upstream", {"0": 5})
        await scene.settle()
        scene.publish("a", "five")
        scene.hub.lose(scene.log, "expired", {"0": 9})
        await scene.settle()
        scene.hub.lose(scene.hooks, "upstream")
        await scene.settle()
        record.messages("lost upstream", wire.messages)
        record.messages("lost upstream, of two sources", both.messages)
    async with public() as scene:
        wire, both = await scene.ask("/events/a", accept), await scene.ask("/events/both", accept)
        scene.hub.begin(scene.log, "e2", {"0": 0})
        scene.publish("a", "one")
        await scene.settle()
        record.messages("another epoch", wire.messages)
        record.messages("another epoch, of one of two sources", both.messages)
    return str(record)


async def farewells(accept: str) -> str:
    """How a stream ends in order, for each reason."""
    record = Transcript()
    async with public('[limits]\nlifetime = "1h"') as scene:
        wire = await scene.ask("/events/a", accept)
        await scene.pass_time(3601)
        record.messages("lifetime", wire.messages)
    async with public('[limits]\nclient_buffer = { events = 2, bytes = "1MiB" }') as scene:
        wire = await scene.ask("/events/a", accept, wire=Wire("future"))
        wire.stuck = True
        scene.publish("a", "one")
        await scene.settle()
        scene.publish("a", "two", "three", "four")
        await scene.pass_time(1)
        wire.release()
        await scene.settle()
        record.messages("slow", wire.messages)
    async with public() as scene, anyio.create_task_group() as tasks:
        wire = await scene.ask("/events/a", accept)
        scene.publish("a", "one")
        tasks.start_soon(lambda: scene.fanout.drain(spread=1, retry=4))
        await scene.settle()
        while not wire.ended:
            await scene.pass_time(1)
        record.messages("drain", wire.messages)
        late = await scene.ask("/events/a", accept)
        await scene.pass_time(1)
        record.messages("drain, of a stream that began during it", late.messages)
    return str(record)


_IN_BOTH_FORMATS = (openings, gaps_of_resumes, events, long_ids, idle, losses, farewells)


def _in_format(scene: Callable[[str], Awaitable[str]], accept: str) -> Callable[[], Awaitable[str]]:
    return lambda: scene(accept)


SCENES: dict[str, Callable[[], Awaitable[str]]] = {
    **{
        f"{scene.__name__}.{name}": _in_format(scene, accept)
        for scene in _IN_BOTH_FORMATS
        for name, accept in FORMATS.items()
    },
}
