"""What `docs/connectors/rabbitmq.md` says is so."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import anyio
import pytest
from anyio import to_thread

from sse_gateway.connector import Message, SourceUnavailable
from tests.brokers.rabbitmq import RabbitMQ
from tests.connectors.page import Page
from tests.connectors.reading import read
from tests.end_to_end.gateway import curl, running, until

from .upstream import Upstream, connector

PAGE = Page("rabbitmq")
HOST = f"docs-{uuid4().hex[:12]}"


@pytest.fixture
async def url(rabbitmq: RabbitMQ) -> AsyncIterator[str]:
    """A virtual host of its own, since the page calls its exchange "orders"."""
    await to_thread.run_sync(rabbitmq.ctl, "add_vhost", HOST)
    await to_thread.run_sync(rabbitmq.ctl, "set_permissions", "-p", HOST, "guest", ".*", ".*", ".*")
    yield f"{rabbitmq.url}{HOST}"
    await to_thread.run_sync(rabbitmq.ctl, "delete_vhost", HOST)


async def test_the_example_works_as_it_stands(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RABBITMQ_URL", url)
    script = tmp_path / "publish.py"
    script.write_text(PAGE.blocks("python")[0])
    async with running(tmp_path, PAGE.blocks("toml")[0]) as gateway, anyio.create_task_group() as group:
        reader = curl(group, f"{gateway.public}/events/orders/fr")
        await until(lambda: b"gateway.at" in reader.output)
        await anyio.run_process([sys.executable, str(script)])
        await until(lambda: b'data: {"order": 7}' in reader.output)
        assert b"event: paid" in reader.output
        group.cancel_scope.cancel()


async def test_the_permissions_that_are_listed_are_enough_and_needed(rabbitmq: RabbitMQ, url: str) -> None:
    upstream = Upstream(url)
    async with upstream.channel() as channel:
        await channel.declare_exchange("orders", "topic")
        await channel.declare_queue("orders", durable=True, arguments={"x-queue-type": "stream"})
    options = {'`"exchange"`': {"exchange": "orders"}, '`"stream"`, `"queue"`': {"mode": "stream", "stream": "orders"}}
    mine = urlsplit(url)._replace(netloc=f"reader:reader@127.0.0.1:{rabbitmq.port}").geturl()
    await to_thread.run_sync(rabbitmq.ctl, "add_user", "reader", "reader")
    try:
        for mode, *expressions in PAGE.rows("mode"):
            if mode not in options:
                continue
            allowed = [cell.strip("`") for cell in expressions]
            await to_thread.run_sync(rabbitmq.ctl, "set_permissions", "-p", HOST, "reader", *allowed)
            async with connector(mine, **options.pop(mode)) as source:
                await upstream.publish([b"x"], exchange="orders" if "exchange" in mode else "", key="orders")
                assert await read(source, 1)
                with pytest.raises(SourceUnavailable, match="ACCESS_REFUSED"):
                    await source.publish(Message(body=b"x", key="orders"))
        await to_thread.run_sync(rabbitmq.ctl, "set_permissions", "-p", HOST, "reader", "^$", "^$", "^$")
        for refused in ({"exchange": "orders"}, {"mode": "stream", "stream": "orders"}):
            with pytest.raises(SourceUnavailable, match="ACCESS_REFUSED - access to queue"):
                await connector(mine, **refused).__aenter__()
    finally:
        await to_thread.run_sync(rabbitmq.ctl, "delete_user", "reader")
    assert not options
