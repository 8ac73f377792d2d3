"""The try page, in a browser. (Firefox is driven through `eval`, which this page forbids.)"""

from __future__ import annotations

from pathlib import Path

import anyio

from .browsers import Browser, browsing
from .gateway import running

CONFIG = """try_page = true
[sources.demo]
channel = "demo"
[sources.demo.webhook]
path = "/hooks/demo"
[sources.ticks]
channel = "ticks"
event = "tick"
[sources.ticks.generate]
rate = 10.0
[[routes]]
path = "/events/demo"
channels = ["demo"]
[[routes]]
path = "/events/{name}"
channels = ["{path.name}"]
"""

CARDS = "[...document.querySelectorAll('section')]"


async def card(browser: Browser, number: int, wanted: str) -> None:
    """Wait until a card holds a text."""
    while wanted not in await browser.run(f"{CARDS}[{number}].textContent"):
        await anyio.lowlevel.checkpoint()


async def test_routes_move_and_what_is_posted_arrives(tmp_path: Path) -> None:
    async with running(tmp_path, CONFIG) as gateway, browsing("chromium", tmp_path) as browser:
        await browser.go(gateway.public)
        await browser.run(f"{CARDS}[1].querySelector('[name=name]').value = 'ticks'")
        await browser.run(f"{CARDS}[1].querySelector('button').click() ?? 1")
        await card(browser, 1, '"seq":')
        await card(browser, 0, "open")
        await browser.run(f"{CARDS}[2].querySelector('button').click() ?? 1")
        await card(browser, 2, "202")
        await card(browser, 0, '{"hello":"world"}')
        assert "1 event" in await browser.run(f"{CARDS}[0].querySelector('.state').textContent")
