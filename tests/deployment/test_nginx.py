"""Behind the nginx of docs/deployment.md."""

from __future__ import annotations

import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from ..brokers.ports import free_ports, listening
from ..end_to_end.browsers import BROWSERS, Browser, browsing
from ..end_to_end.gateway import curl, running, until
from ..pages import block, page

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")

# One process, so that killing it leaves nothing. With compression, which must not hold events back either.
_CONFIG = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;
events {{ }}
http {{
    access_log off; gzip on; gzip_types text/event-stream;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location = / {{ default_type text/html; return 200 "<!doctype html><title>page</title><body>"; }}
        {locations}
    }}
}}
"""


@asynccontextmanager
async def nginx(folder: Path, gateway: str) -> AsyncIterator[str]:
    """Its URL, in front of the gateway with that URL."""
    [port] = free_ports(1)
    locations = block(page("docs/deployment.md"), "nginx").replace("http://127.0.0.1:8080", gateway)
    file = folder / "nginx.conf"
    file.write_text(_CONFIG.format(folder=folder, port=port, locations=locations))
    async with await anyio.open_process(
        ["nginx", "-e", "stderr", "-c", str(file)], stdout=None, stderr=None
    ) as process:
        try:
            await listening(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


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
