"""What `docs/connectors/kafka.md` says is so."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import anyio
import pytest
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from sse_gateway.connector import Message, SourceUnavailable
from sse_gateway_kafka import KafkaConfig
from tests.brokers.kafka.broker import Kafka
from tests.end_to_end.gateway import curl, running, until

from .traffic import read
from .upstream import Upstream, connector

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).parents[3] / "docs" / "connectors" / "kafka.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def rows(head: str) -> list[list[str]]:
    """The cells of the table whose first column is called `head`."""
    table = PAGE.split(f"\n| {head} |")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table.split("\n")[2:]]


def test_every_option_is_listed_for_the_modes_that_have_it() -> None:
    listed = [name for _, names in rows("for") for name in re.findall(r"`(\w+)`", names)]
    assert sorted(listed) == sorted(KafkaConfig.model_fields)


async def test_the_example_works_as_it_stands(upstream: Upstream, tmp_path: Path) -> None:
    """With the type of the header, and the deletion of a key, at the other end."""
    file, program = (
        block[0].replace("127.0.0.1:9092", upstream.bootstrap) for block in (blocks("toml"), blocks("python"))
    )
    await upstream.create("orders")
    script = tmp_path / "publish.py"
    script.write_text(program)
    with anyio.fail_after(40):
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
    with pytest.raises(SourceUnavailable, match="not for us to read"):
        await source.__aenter__()
    assert rows("to")[0][1] == "`READ` and `DESCRIBE` of the topics"
    await allow(kafka.user, AclOperation.READ)
    await allow(kafka.user, AclOperation.DESCRIBE)
    async with source:
        assert await read(source, 1)
        with pytest.raises(SourceUnavailable, match="we may not read or write the topic"):
            await source.publish(Message(body=b"x"))


def test_every_text_of_the_errors_is_one() -> None:
    """Numbers and names aside."""
    package = Path(str(sys.modules[KafkaConfig.__module__].__file__)).parent
    code = "".join(path.read_text() for path in package.glob("*.py"))
    said = [re.split(r" orders(?:-0)?| for 10 s", text.strip("`"))[0] for text, _ in rows("text")]
    assert len(said) >= 8
    assert [text for text in said if text not in code] == []
