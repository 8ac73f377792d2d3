"""A connector from outside the project: `tests/plugin`, which `connectors/README.md` shows and explains. It is installed as a
package of its own, and has its own tests there."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from sse_gateway.sources.discovery import connectors, installed
from tests.end_to_end.gateway import curl, running, until
from tests.pages import ROOT, blocks, page

README = page("connectors/README.md")
PLUGIN = ROOT / "tests" / "plugin"


def test_it_is_found_by_its_entry_point_as_a_package_of_its_own() -> None:
    found = connectors(["lines"])["lines"]
    assert found.__module__ == "sse_gateway_lines"
    package = installed()["lines"].dist
    assert package is not None
    assert package.name == "sse-gateway-lines"


@pytest.mark.parametrize("file", ["sse_gateway_lines/__init__.py", "pyproject.toml", "test_lines.py"])
def test_the_page_shows_it_as_it_is(file: str) -> None:
    shown = [*blocks(README, "python"), *blocks(README, "toml")]
    assert (PLUGIN / file).read_text() in shown


async def test_what_the_page_configures_serves_the_lines_of_a_server(tmp_path: Path) -> None:
    [file] = [text for text in blocks(README, "toml") if "[[routes]]" in text]

    async def speak(client: SocketStream) -> None:
        async with client:
            for number in range(3):
                await client.send(b"line %d\n" % number)
            await anyio.sleep_forever()

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
    ):
        port = listener.extra_attributes[SocketAttribute.local_port]()
        async with running(tmp_path, file.replace("7000", str(port)), ready=False) as gateway:
            reader = curl(group, f"{gateway.public}/events/lines")
            await until(lambda: b"gateway.at" in reader.output)
            group.start_soon(listener.serve, speak)
            await until(lambda: b"data: line 2\n" in reader.output)
            group.cancel_scope.cancel()
    assert reader.output.index(b"data: line 0\n") < reader.output.index(b"data: line 1\n")
