"""Scenes with a gateway's own streams and answers: the public application as a server calls it, on a clock of the test's."""

from __future__ import annotations

from functools import partial

import anyio

from sse_gateway.core import Bounds
from sse_gateway.metrics import DrainStage

from ..delivery.wire import Wire
from .public import EVENT_STREAM, NDJSON, Public, ids, public
from .transcript import Scene, Transcript

FORMATS = {"event-stream": EVENT_STREAM, "ndjson": NDJSON}


async def openings(record: Transcript, accept: str) -> None:
    """What comes first, with and without a wish to resume."""
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


async def gaps_of_resumes(record: Transcript, accept: str) -> None:
    """What a client is told first that comes back too late."""
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


async def events(record: Transcript, accept: str) -> None:
    """Events of every kind."""
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


async def long_ids(record: Transcript, accept: str) -> None:
    """Where an id stands that is longer than what is sent with each event."""
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


async def idle(record: Transcript, accept: str) -> None:
    """Signs of life: nothing has moved, or the cursor has."""
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


async def losses(record: Transcript, accept: str) -> None:
    """What a client is told of while its stream is open."""
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


async def farewells(record: Transcript, accept: str) -> None:
    """How a stream ends in order, for each reason."""
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


async def busy(record: Transcript) -> None:
    """Answers to those who can't be served now."""

    async def ask_all(scene: Public, reason: str, client: str = "127.0.0.1") -> None:
        for url in ("/events/a", "/topics?topic=x"):
            for accept in (EVENT_STREAM, NDJSON, "*/*"):
                wire = await scene.ask(url, accept, client=client)
                record.messages(f"{reason}: {url}, {accept}", wire.messages)

    async with public("[limits]\nclients = 1") as scene:
        await scene.ask("/events/a")
        await ask_all(scene, "limit")
    async with public("[limits]\nclients_per_address = 1") as scene:
        await scene.ask("/events/a", client="192.0.2.1")
        await ask_all(scene, "address", "192.0.2.1")
    async with public('[drain]\nretry = "8s"') as scene:
        scene.gate.enter(DrainStage.CLOSING)
        await ask_all(scene, "draining")


async def refusals(record: Transcript) -> None:
    """Answers to requests that no stream can be made of."""
    many = "&".join(f"topic={number}" for number in range(65))
    async with public() as scene:
        for method, url, accept in (
            ("GET", "/nowhere", "*/*"),
            ("GET", "/events/a/", "*/*"),
            ("POST", "/events/a", "*/*"),
            ("OPTIONS", "/events/a", "*/*"),
            ("GET", "/events/a", "text/html"),
            ("HEAD", "/events/a", "text/html"),
            ("GET", "/topics", "*/*"),
            ("GET", "/topics?topic=a&topic=b", "*/*"),
            ("GET", "/topics?topic=a%20b", "*/*"),
            ("GET", "/events/%C3%BC b", "*/*"),
            ("GET", f"/many?{many}", "*/*"),
        ):
            wire = await scene.ask(url, accept, method=method)
            record.messages(f"{method} {url[:40]}, {accept}", wire.messages)


async def heads(record: Transcript) -> None:
    """HEAD, which opens no stream."""
    async with public() as scene:
        for accept in (EVENT_STREAM, NDJSON, "*/*"):
            wire = await scene.ask("/events/a", accept, method="HEAD")
            record.messages(f"HEAD /events/a, {accept}", wire.messages)


SCENES: dict[str, Scene] = {
    **{
        f"{scene.__name__}.{name}": partial(scene, accept=accept)
        for scene in (openings, gaps_of_resumes, events, long_ids, idle, losses, farewells)
        for name, accept in FORMATS.items()
    },
    "busy": busy,
    "refusals": refusals,
    "heads": heads,
}
