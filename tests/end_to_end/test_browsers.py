"""What people point at the gateway: a page with EventSource, in Chromium and in Firefox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from .browsers import BROWSERS, Browser, browsing
from .gateway import Gateway, running

pytestmark = pytest.mark.parametrize("name", BROWSERS)

SOURCE = """
try_page = true
[sources.hooks]
channel = "{path.name}"
event = "{headers.x-type}"
[sources.hooks.webhook]
path = "/hooks/{name}"
[[routes]]
path = "/events/{name}"
channels = ["{path.name}"]
"""

# Two EventSources on one page. `seen` holds what each got, `opened` how often it connected.
PAGE = """(() => {
  window.seen = {orders: [], news: []}; window.opened = {orders: 0, news: 0}; window.sources = {};
  for (const name of ["orders", "news"]) {
    const source = window.sources[name] = new EventSource("/events/" + name);
    source.onopen = () => window.opened[name]++;
    source.addEventListener("placed", (event) => window.seen[name].push([Number(event.data), event.lastEventId]));
  }
  return true;
})()"""


async def post(gateway: Gateway, browser: Browser) -> int:
    """Numbered events of type `placed`, to both channels in turn, until both streams have come back three times. Returns how
    many: as many as the machine has time for."""
    number = 0
    async with httpx.AsyncClient(base_url=gateway.public) as client:
        while min(await browser.run("[opened.orders, opened.news]")) < 4:
            for name in ("orders", "news"):
                answer = await client.post(f"/hooks/{name}", content=str(number), headers={"x-type": "placed"})
                assert answer.is_success, answer.text
            number += 1
            await anyio.sleep(0.05)
    return number


async def value(browser: Browser, script: str, wanted: Any) -> None:
    """Wait until a script gives `wanted`."""
    found = None
    with anyio.move_on_after(60):
        while (found := await browser.run(script)) != wanted:
            await anyio.sleep(0.02)
    assert found == wanted, f"{script}: {await browser.run('[seen, opened]')}"


async def test_a_page_misses_nothing_while_its_connections_end_and_come_back(name: str, tmp_path: Path) -> None:
    """Each stream lives for two seconds, a tenth more or less; events come all the while, and each is seen once."""
    limits = '[limits]\nlifetime = "2s"\nretry = "500ms"\n'
    async with running(tmp_path, SOURCE + limits) as gateway, browsing(name, tmp_path) as browser:
        await browser.go(f"{gateway.public}/")
        await browser.run(PAGE)
        await value(browser, "[window.opened.orders > 0, window.opened.news > 0]", [True, True])
        count = await post(gateway, browser)
        await value(browser, "[seen.orders.at(-1)?.[0], seen.news.at(-1)?.[0]]", [count - 1] * 2)
        for channel in ("orders", "news"):
            seen = await browser.run(f"window.seen.{channel}")
            assert [number for number, _ in seen] == list(range(count))
            assert len({id for _, id in seen}) == count
        assert await gateway.metric("sse_gateway_gaps_total") == 0


async def test_at_the_limit_a_page_is_put_off_and_served_when_there_is_room(name: str, tmp_path: Path) -> None:
    """An EventSource that is answered 503 never comes back; ours keeps trying."""
    limits = '[limits]\nclients = 1\nretry = "300ms"\n'
    async with running(tmp_path, SOURCE + limits) as gateway, browsing(name, tmp_path) as browser:
        async with httpx.AsyncClient(base_url=gateway.public) as client, client.stream("GET", "/events/orders"):
            await browser.go(f"{gateway.public}/")
            await browser.run("(window.source = new EventSource('/events/orders')) && (window.busy = 0)")
            await browser.run("source.addEventListener('gateway.busy', () => window.busy++) ?? 1")
            await browser.run("source.addEventListener('gateway.at', () => { window.served = true }) ?? 1")
            await value(browser, "window.busy >= 3", True)
            assert not await browser.run("window.served ?? false")
        await value(browser, "window.served ?? false", True)
        refused = "sse_gateway_clients_refused_total"
        assert await gateway.metric(refused) >= 3
