"""The smallest stream."""

from __future__ import annotations

import re
from pathlib import Path

import anyio

from sse_gateway.testing import EventStreamReader

from ..end_to_end.browsers import Browser, browsing
from ..sse.servers import Server
from .scripts import serving

TIME = r"\d\d:\d\d:\d\d"
HEADING = "document.querySelector('h1').textContent"


async def test_it_tells_the_time(server: Server) -> None:
    async with EventStreamReader(f"{server.url}/events") as stream:
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        for _ in range(2):
            assert re.fullmatch(TIME, (await stream.receive()).data)


async def test_its_page_comes_back_when_the_server_does(tmp_path: Path) -> None:
    async with browsing("firefox-esr", tmp_path) as browser:
        async with serving("basic", tmp_path) as server:
            await browser.go(server.url)
            await shows_the_time(browser)
            server.terminate()
            await server.exited()
        await browser.run(f"{HEADING} = 'gone'")
        async with serving("basic", tmp_path, port=server.port):
            await shows_the_time(browser)


async def shows_the_time(browser: Browser) -> None:
    with anyio.fail_after(20):
        while not re.fullmatch(TIME, await browser.run(HEADING)):
            await anyio.sleep(0.05)
