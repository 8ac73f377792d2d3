"""What `docs/connectors/rabbitmq.md` says is so."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import anyio
import pytest
from anyio import to_thread

from sse_gateway.connector import Message, SourceUnavailable
from sse_gateway_rabbitmq import RabbitMQConfig
from tests.brokers.rabbitmq import RabbitMQ
from tests.end_to_end.gateway import curl, running, until

from .upstream import Upstream, connector, receive

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).parents[3] / "docs" / "connectors" / "rabbitmq.md").read_text()
HOST = f"docs-{uuid4().hex[:12]}"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def rows(head: str) -> list[list[str]]:
    """The cells of the table whose first column is called `head`."""
    table = PAGE.split(f"\n| {head} |")[1].split("\n\n")[0]
    cells = [re.split(r"(?<!\\)\|", line.strip("|\n")) for line in table.split("\n")[2:]]
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in cells]


@pytest.fixture
async def url(rabbitmq: RabbitMQ) -> AsyncIterator[str]:
    """A virtual host of its own, since the page calls its exchange "orders"."""
    await to_thread.run_sync(rabbitmq.ctl, "add_vhost", HOST)
    await to_thread.run_sync(rabbitmq.ctl, "set_permissions", "-p", HOST, "guest", ".*", ".*", ".*")
    yield f"{rabbitmq.url}{HOST}"
    await to_thread.run_sync(rabbitmq.ctl, "delete_vhost", HOST)


def test_every_option_is_listed_for_the_modes_that_have_it() -> None:
    listed = [name for _, names in rows("for") for name in re.findall(r"`(\w+)`", names)]
    assert sorted(listed) == sorted(RabbitMQConfig.model_fields)


async def test_the_example_works_as_it_stands(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RABBITMQ_URL", url)
    script = tmp_path / "publish.py"
    script.write_text(blocks("python")[0])
    with anyio.fail_after(40):
        async with running(tmp_path, blocks("toml")[0]) as gateway, anyio.create_task_group() as group:
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
        for mode, *expressions in rows("mode"):
            if mode not in options:
                continue
            allowed = [cell.strip("`") for cell in expressions]
            await to_thread.run_sync(rabbitmq.ctl, "set_permissions", "-p", HOST, "reader", *allowed)
            async with connector(mine, **options.pop(mode)) as source:
                await upstream.publish([b"x"], exchange="orders" if "exchange" in mode else "", key="orders")
                with anyio.fail_after(30):
                    assert await receive(source, 1)
                with pytest.raises(SourceUnavailable, match="ACCESS_REFUSED"):
                    await source.publish(Message(body=b"x", key="orders"))
        await to_thread.run_sync(rabbitmq.ctl, "set_permissions", "-p", HOST, "reader", "^$", "^$", "^$")
        for refused in ({"exchange": "orders"}, {"mode": "stream", "stream": "orders"}):
            with pytest.raises(SourceUnavailable, match="ACCESS_REFUSED - access to queue"):
                await connector(mine, **refused).__aenter__()
    finally:
        await to_thread.run_sync(rabbitmq.ctl, "delete_user", "reader")
    assert not options


def test_every_text_of_the_errors_is_one() -> None:
    """Those of our own; the capitals are RabbitMQ's."""
    package = Path(str(sys.modules[RabbitMQConfig.__module__].__file__)).parent
    code = "".join(path.read_text() for path in package.glob("*.py"))
    said = [text.strip("`") for text, _ in rows("text")]
    ours = [re.sub(r"\d+", "{start}", text) for text in said if not text[0].isupper()]
    assert len(ours) >= 5
    assert [text for text in ours if text not in code] == []
