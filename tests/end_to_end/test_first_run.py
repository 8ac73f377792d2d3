"""The first thing that a person does."""

from __future__ import annotations

import re
from pathlib import Path

import anyio

from .gateway import COMMAND, curl, running, until

EXAMPLE = Path(__file__).parents[2] / "gateway.example.toml"


def example() -> str:
    """The example as it is, but on free ports and with logs that the test can read."""
    text = EXAMPLE.read_text()
    tables = re.split(r"(?m)^(?=\[)", text)
    return "".join(table for table in tables if not table.startswith(("[server]", "[admin]", "[logs]")))


async def test_what_is_posted_to_the_example_s_hook_is_printed_by_curl_and_its_other_route_moves_by_itself(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, example()) as gateway, anyio.create_task_group() as group:
        report = await gateway.ready()
        assert {source["status"] for source in report["sources"].values()} == {"up"}
        assert await gateway.metric("sse_gateway_source_up") == len(report["sources"]) == 2
        reader, ticks = (curl(group, f"{gateway.public}/events/{name}") for name in ("demo", "ticks"))
        await until(lambda: b"gateway.at" in reader.output)
        posted = ("-d", '{"hello":"world"}', "-H", "content-type: application/json", "-w", "%{http_code}")
        poster = curl(group, *posted, f"{gateway.public}/hooks/demo")
        await until(lambda: b'data: {"hello":"world"}\n\n' in reader.output)
        await until(lambda: poster.code is not None)
        await until(lambda: ticks.output.count(b"\ndata: ") >= 2)
        group.cancel_scope.cancel()

    assert poster.code == 0 and poster.output[-3:] in (b"200", b"202", b"204")
    assert re.search(rb'(?m)^id: 1\.[0-9a-z_.-]+\n(event: .*\n)?data: \{"hello":"world"\}\n\n', reader.output)


async def test_an_event_leaves_the_log_at_its_age_while_nothing_comes(tmp_path: Path) -> None:
    text = example().replace('# max_age = "10m" ', 'max_age = "1s" ', 1)
    async with running(tmp_path, text) as gateway, anyio.create_task_group() as group:
        poster = curl(group, "-d", "x", f"{gateway.public}/hooks/demo")
        await until(lambda: poster.code is not None)
        while 'log_evicted_total{reason="expired",source="demo"} 1.0' not in await gateway.metrics():
            await anyio.sleep(0.05)


async def test_a_second_gateway_on_the_same_port_says_so_and_exits_with_1(tmp_path: Path) -> None:
    async with running(tmp_path, example()) as gateway:
        port = gateway.public.rpartition(":")[2]
        file = tmp_path / "second.toml"
        file.write_text(f"[server]\nport = {port}\n[admin]\nport = 0\n" + example())
        second = await anyio.run_process([*COMMAND, str(file)], check=False)

    assert second.returncode == 1
    assert b"Traceback" not in second.stderr
    assert f"[server] host and port: can't listen on 127.0.0.1 port {port}" in second.stderr.decode()
