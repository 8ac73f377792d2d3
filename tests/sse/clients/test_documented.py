"""What docs/engine.md tells clients to do, against streams that end and answers that are none."""

from __future__ import annotations

import re
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import pytest

from ...end_to_end.browsers import BROWSERS, browsing
from ..servers import ROOT, running

pytestmark = pytest.mark.anyio

APP = "tests.sse.clients.application:app"
NUMBERS = [str(number) for number in range(15)]


def block(language: str, name: str) -> str:
    """The block of the page that defines a function of this name."""
    text = (ROOT / "docs" / "engine.md").read_text()
    blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return next(block for block in blocks if f"{name}(" in block)


@pytest.mark.parametrize("name", BROWSERS)
async def test_a_page_goes_on_after_answers_for_which_browsers_give_up(name: str, tmp_path: Path) -> None:
    script = f"""(() => {{
        {block("js", "listen")}
        window.seen = []
        listen("/unlucky", event => seen.push(event.data))
        return true
    }})()"""
    async with running("granian", tmp_path, app=APP) as server, browsing(name, tmp_path) as browser:
        await browser.go(f"{server.url}/")
        await browser.run(script)
        with anyio.fail_after(150):
            while len(await browser.run("seen")) < len(NUMBERS):
                await anyio.sleep(0.05)
        assert (await browser.run("seen"))[: len(NUMBERS)] == NUMBERS
        assert re.findall("counted after (.*)", server.log)[:3] == ["None", "4", "9"]


@pytest.mark.parametrize("path", ["/counted", "/unlucky"])
async def test_a_program_goes_on_after_streams_that_end_and_other_answers(path: str, tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    exec(compile(block("python", "follow"), "docs/engine.md", "exec"), names)  # noqa: S102
    seen: list[str] = []
    async with running("granian", tmp_path, app=APP) as server:
        with anyio.fail_after(150):
            async with aclosing(names["follow"](server.url + path)) as events:
                async for event in events:
                    seen.append(event.data)
                    if len(seen) == len(NUMBERS):
                        break
        assert seen == NUMBERS
        assert re.findall("counted after (.*)", server.log)[:3] == ["None", "4", "9"]
