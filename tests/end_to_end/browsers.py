"""Real browsers: Chromium by Playwright, Firefox by Marionette, both Debian's."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any, Protocol

import pytest
from anyio import to_thread
from playwright.async_api import async_playwright

from tests.brokers.ports import free_ports, listening

BROWSERS = ("chromium", "firefox-esr")
_CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_FIREFOX = {
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "toolkit.telemetry.enabled": False,
}


class Browser(Protocol):
    """One page of it."""

    async def go(self, url: str) -> None:
        """Load a page."""

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression in the page."""


@asynccontextmanager
async def browsing(name: str, directory: Path) -> AsyncIterator[Browser]:
    """A headless browser; skips the test where it is not installed."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"no {name}: apt-get install --no-install-recommends {name}")
    async with _chromium(path) if name == "chromium" else _firefox(path, directory) as browser:
        yield browser


@asynccontextmanager
async def _chromium(path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=path, args=_CHROMIUM)
        yield _Chromium(await chromium.new_page())
        await chromium.close()


class _Chromium:
    def __init__(self, page: Any) -> None:
        self.page = page

    async def go(self, url: str) -> None:
        await self.page.goto(url)

    async def run(self, script: str) -> Any:
        return await self.page.evaluate(script)


@asynccontextmanager
async def _firefox(path: str, directory: Path) -> AsyncIterator[Browser]:
    marionette_class = _load_marionette()
    [port] = free_ports(1)
    settings = {**_FIREFOX, "marionette.port": port}
    lines = [f'user_pref("{name}", {str(value).lower()});' for name, value in settings.items()]
    (directory / "user.js").write_text("\n".join(lines))
    arguments = [path, "--headless", "--marionette", "--no-remote", "--profile", str(directory)]
    environment = {"HOME": str(directory), "MOZ_DISABLE_CONTENT_SANDBOX": "1", "PATH": "/usr/bin:/bin"}
    with Popen(arguments, stdout=DEVNULL, stderr=DEVNULL, env=environment) as process:
        try:
            await listening(port)
            marionette = marionette_class(host="127.0.0.1", port=port)
            await to_thread.run_sync(marionette.start_session)
            yield _Firefox(marionette)
            await to_thread.run_sync(marionette.cleanup)  # or it does when it is collected, within some other test
        finally:
            process.kill()


def _load_marionette() -> Any:
    with warnings.catch_warnings(action="ignore"):  # it asks Python for the Linux distribution, which is deprecated
        from marionette_driver.marionette import Marionette
    return Marionette


class _Firefox:
    def __init__(self, marionette: Any) -> None:
        self.marionette = marionette

    async def go(self, url: str) -> None:
        await to_thread.run_sync(self.marionette.navigate, url)

    async def run(self, script: str) -> Any:
        # Marionette's own scripts see the page through a wrapper that forgets what they set: let the page run it.
        place = "document.documentElement.dataset.value"
        inner = json.dumps(f"{place} = JSON.stringify({script}) ?? ''")
        element = "const element = document.createElement('script')"
        text = await to_thread.run_sync(
            self.marionette.execute_script,
            f"{element}; element.textContent = {inner}; document.body.append(element); return {place}",
        )
        return json.loads(text) if text else None
