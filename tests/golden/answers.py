"""Scenes with requests that get one whole answer from the public application, and no stream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sse_gateway.metrics import DrainStage

from .public import EVENT_STREAM, NDJSON, Public, public
from .transcript import Transcript


async def busy() -> str:
    """Answers to those who can't be served now."""
    record = Transcript()

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
    return str(record)


async def refusals() -> str:
    """Answers to requests that no stream can be made of."""
    record = Transcript()
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
    return str(record)


async def heads() -> str:
    """HEAD, which opens no stream."""
    record = Transcript()
    async with public() as scene:
        for accept in (EVENT_STREAM, NDJSON, "*/*"):
            wire = await scene.ask("/events/a", accept, method="HEAD")
            record.messages(f"HEAD /events/a, {accept}", wire.messages)
    return str(record)


SCENES: dict[str, Callable[[], Awaitable[str]]] = {"busy": busy, "refusals": refusals, "heads": heads}
