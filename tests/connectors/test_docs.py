"""What the pages of the connectors say is so. Those of brokers have their examples beside the connector's other tests."""

from __future__ import annotations

import re
from pathlib import Path

import anyio
import pytest

from sse_gateway.sources.discovery import connectors
from tests.end_to_end.gateway import curl, running, until
from tests.pages import ROOT, block, page, rows

brokers = pytest.mark.parametrize("name", ["kafka", "rabbitmq"])


@brokers
def test_every_option_is_listed_for_the_modes_that_have_it(name: str) -> None:
    listed = [
        key for _, keys in rows(page(f"docs/connectors/{name}.md"), "for") for key in re.findall(r"`(\w+)`", keys)
    ]
    assert sorted(listed) == sorted(connectors([name])[name].Config.model_fields)


@brokers
def test_every_text_of_the_errors_is_one(name: str) -> None:
    """Numbers, names and what begins with a capital aside, which is the broker's."""
    code = "".join(path.read_text() for path in (ROOT / "connectors" / f"sse_gateway_{name}").glob("*.py"))
    said = [text.strip("`") for text, _ in rows(page(f"docs/connectors/{name}.md"), "text")]
    ours = [
        re.split(r" orders(?:-0)?| for 10 s", re.sub(r" = \d+", " = {start}", text))[0]
        for text in said
        if text[0].islower()
    ]
    assert len(ours) >= {"kafka": 8, "rabbitmq": 5}[name]
    assert [text for text in ours if text not in code] == []


async def test_the_example_of_generate_works_as_it_stands(tmp_path: Path) -> None:
    text = page("docs/connectors/generate.md")
    [shown] = re.findall(r"^```\n(event: .*?)^```", text, re.DOTALL | re.MULTILINE)
    form = (
        re.sub(r"\d+(?!\")", r"\\d+", re.sub(r'"2026[^"]*"', '"[^"]+"', shown)).replace("{", r"\{").replace("}", r"\}")
    )
    async with running(tmp_path, block(text, "toml")) as gateway, anyio.create_task_group() as group:
        reader = curl(group, f"{gateway.public}/events/ticks/0")
        await until(lambda: reader.output.count(b"\ndata: {") >= 3)
        group.cancel_scope.cancel()
    assert re.search(form, reader.output.decode())
    assert b'"key":"1"' not in reader.output
