"""What `docs/connectors/kafka.md` says is so."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import pytest
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from sse_gateway.connector import Message, SourceUnavailable
from tests.brokers.kafka.broker import Kafka
from tests.connectors.page import Page
from tests.connectors.reading import read
from tests.end_to_end.gateway import curl, running, until

from .upstream import Upstream, connector

PAGE = Page("kafka")


async def test_the_example_works_as_it_stands(upstream: Upstream, tmp_path: Path) -> None:
    """With the type of the header, and the deletion of a key, at the other end."""
    file, program = (
        block[0].replace("127.0.0.1:9092", upstream.bootstrap) for block in (PAGE.blocks("toml"), PAGE.blocks("python"))
    )
    await upstream.create("orders")
    script = tmp_path / "publish.py"
    script.write_text(program)
    async with running(tmp_path, file) as gateway, anyio.create_task_group() as group:
        reader = curl(group, f"{gateway.public}/events/orders/fr")
        await until(lambda: b"gateway.at" in reader.output)
        await anyio.run_process([sys.executable, str(script)])
        await until(lambda: b"event: delete\ndata: fr\n" in reader.output)
        assert b'event: paid\ndata: {"order": 7}\n' in reader.output
        group.cancel_scope.cancel()


async def test_the_permissions_that_are_listed_are_enough_and_needed(upstream: Upstream, kafka: Kafka) -> None:
    """For a user who may do nothing else: a rule for somebody else forbids all that no rule allows."""
    topic = await upstream.create()
    sasl = {"username": kafka.user, "password": kafka.password}
    source = connector(kafka.sasl, topics=[topic], sasl=sasl, start="earliest")

    async def allow(user: str, operation: AclOperation) -> None:
        given = (f"User:{user}", "*", operation, AclPermissionType.ALLOW)
        rule = AclBinding(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, *given)
        await upstream.administer(lambda admin: admin.create_acls([rule]))

    await upstream.send(topic, [b"x"])
    await allow("somebody-else", AclOperation.ALL)
    with pytest.raises(SourceUnavailable, match="may not be read by this user"):
        await source.__aenter__()
    assert PAGE.rows("to")[0][1] == "`READ` and `DESCRIBE` of the topics"
    await allow(kafka.user, AclOperation.READ)
    await allow(kafka.user, AclOperation.DESCRIBE)
    async with source:
        assert await read(source, 1)
        with pytest.raises(SourceUnavailable, match="this user may not read or write the topic"):
            await source.publish(Message(body=b"x"))
