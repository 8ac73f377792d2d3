"""Behind the nginx of docs/deployment.md."""

from __future__ import annotations

import signal
from pathlib import Path

import anyio
import pytest

from ..brokers.ports import free_ports
from ..end_to_end.browsers import BROWSERS, Browser, browsing
from ..end_to_end.gateway import curl, running, until
from .nginx import needs_nginx, nginx

pytestmark = needs_nginx

TICKS = """
[sources.ticks]
channel = "ticks"
[sources.ticks.generate]
rate = 20
[[routes]]
path = "/events/ticks"
channels = ["ticks"]
[drain]
delay = "0s"
spread = "0s"
"""

# `seen` counts events, `lost` how often the connection was.
PAGE = """(() => {
  window.seen = 0; window.lost = 0;
  window.source = new EventSource("/events/ticks");
  source.onmessage = () => window.seen++;
  source.onerror = () => window.lost++;
  return true;
})()"""


async def test_each_event_is_handed_on_at_once_and_the_end_as_an_end(tmp_path: Path) -> None:
    async with (
        running(tmp_path, TICKS) as gateway,
        nginx(tmp_path, gateway.public) as url,
        anyio.create_task_group() as group,
    ):
        reader = curl(group, "--compressed", f"{url}/events/ticks")
        await until(lambda: reader.output.count(b"\ndata: ") >= 3)
        gateway.terminate()
        await until(lambda: reader.code is not None)
    assert reader.code == 0
    assert b"event: gateway.bye" in reader.output


async def test_while_the_gateway_is_away_clients_are_asked_to_come_back(tmp_path: Path) -> None:
    [nobody] = free_ports(1)
    with anyio.fail_after(60):
        async with nginx(tmp_path, f"http://127.0.0.1:{nobody}") as url, anyio.create_task_group() as group:
            reader = curl(group, "-w", "%{http_code} %{content_type}", f"{url}/events/ticks")
            await until(lambda: reader.code is not None)
    assert reader.output.endswith(b"retry: 3000\n\n200 text/event-stream")


async def true(browser: Browser, script: str) -> None:
    while not await browser.run(script):
        await anyio.sleep(0.05)


@pytest.mark.parametrize("name", BROWSERS)
async def test_a_page_survives_a_crash_of_the_only_replica(name: str, tmp_path: Path) -> None:
    [port] = free_ports(1)
    with anyio.fail_after(120):
        async with nginx(tmp_path, f"http://127.0.0.1:{port}") as url, browsing(name, tmp_path) as browser:
            await browser.go(url)
            async with running(tmp_path, TICKS, port=port) as first:
                await browser.run(PAGE)
                await true(browser, "window.seen > 0")
                first.terminate(signal.SIGKILL)
                await first.process.wait()
            await true(browser, "window.lost >= 2")
            await browser.run("(window.seen = 0) || true")
            async with running(tmp_path, TICKS, port=port):
                await true(browser, "window.seen > 0")
