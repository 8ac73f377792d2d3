"""What `docs/connectors/generate.md` says is so."""

from __future__ import annotations

import re
from pathlib import Path

import anyio
import pytest

from tests.end_to_end.gateway import curl, running, until

from .page import Page


@pytest.mark.anyio
async def test_the_example_works_as_it_stands(tmp_path: Path) -> None:
    page = Page("generate")
    [file] = page.blocks("toml")
    [shown] = re.findall(r"^```\n(event: .*?)^```", page.text, re.DOTALL | re.MULTILINE)
    form = (
        re.sub(r"\d+(?!\")", r"\\d+", re.sub(r'"2026[^"]*"', '"[^"]+"', shown)).replace("{", r"\{").replace("}", r"\}")
    )
    with anyio.fail_after(30):
        async with running(tmp_path, file) as gateway, anyio.create_task_group() as group:
            reader = curl(group, f"{gateway.public}/events/ticks/0")
            await until(lambda: reader.output.count(b"\ndata: {") >= 3)
            group.cancel_scope.cancel()
    assert re.search(form, reader.output.decode())
    assert b'"key":"1"' not in reader.output
