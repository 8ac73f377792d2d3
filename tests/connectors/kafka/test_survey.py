"""The identity of topics, and the names of partitions in event ids, from answers as brokers give them."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from aiokafka import TopicPartition

from sse_gateway.errors import SourceUnavailable
from sse_gateway_kafka import KafkaConfig
from sse_gateway_kafka.client import TopicsRequest, translated
from sse_gateway_kafka.survey import Survey, survey


def topic(name: str, *, id: int = 0, partitions: int = 1, error: int = 0, internal: bool = False) -> tuple[Any, ...]:
    """A topic in an answer of version 12."""
    found: list[Any] = [(0, number, 1, 0, [1], [1], [], {}) for number in range(partitions)]
    return error, name, UUID(int=id).bytes, internal, found, 0, {}


def old(name: str, *, partitions: int = 1) -> tuple[Any, ...]:
    """A topic in an answer of version 5, which has no ids."""
    return 0, name, False, [(0, number, 1, [1], [1], []) for number in range(partitions)]


async def surveyed(*topics: tuple[Any, ...], cluster: str = "cluster", **given: Any) -> Survey:
    async def send(_: TopicsRequest) -> Any:
        return SimpleNamespace(cluster_id=cluster, topics=topics)

    with translated("topics"):
        return await survey(KafkaConfig.model_validate({"servers": ["localhost:9092"], **given}), send)


async def test_the_only_topic_has_the_numbers_of_its_partitions() -> None:
    """In base 36."""
    found = await surveyed(topic("t", id=1, partitions=38), topics=["t"])
    assert found.names[TopicPartition("t", 9)] == "9"
    assert found.names[TopicPartition("t", 37)] == "11"


async def test_several_topics_have_short_names_before_the_number() -> None:
    """All within the grammar of ids, and all different."""
    answer = [topic(name, id=number, partitions=40) for number, name in enumerate(("a", "b", "c"), start=1)]
    found = await surveyed(*answer, topics=["a", "b", "c"])
    assert len(set(found.names.values())) == 120
    assert all(re.fullmatch(r"[0-9a-z]{6,8}", name) for name in found.names.values())


async def test_a_topic_that_is_made_anew_is_another_epoch() -> None:
    """Its id is another one; the cluster, the order of the answer and the number of partitions do not matter."""
    first, second = topic("a", id=1), topic("b", id=2)
    epoch = (await surveyed(first, second, topics=["a", "b"])).epoch
    assert re.fullmatch(r"[0-9a-z]{8}", epoch)
    assert (await surveyed(second, topic("a", id=1, partitions=5), cluster="c", topics=["b", "a"])).epoch == epoch
    assert (await surveyed(first, topic("b", id=3), topics=["a", "b"])).epoch != epoch
    assert (await surveyed(first, second, topics=["a", "b"], epoch="second")).epoch != epoch


async def test_topics_of_a_pattern_come_and_go_within_an_epoch() -> None:
    """The epoch is the cluster's; a topic that is made anew has partitions with other names."""
    before = await surveyed(topic("a-1", id=1), topic("a-2", id=2), pattern="a-.*")
    after = await surveyed(topic("a-1", id=3), pattern="a-.*")
    assert before.epoch == after.epoch
    assert not set(before.names.values()) & set(after.names.values())
    assert (await surveyed(topic("a-1", id=1), cluster="other", pattern="a-.*")).epoch != before.epoch


async def test_a_pattern_is_over_whole_names_of_topics_that_are_there() -> None:
    """Internal topics, and those that the broker can't show, are none of ours."""
    answer = [topic("a"), topic("ab", id=1), topic("a1", id=2, internal=True), topic("a2", error=29)]
    assert (await surveyed(*answer, pattern="a.?")).topics == {"a", "ab"}
    with pytest.raises(SourceUnavailable, match='no topic matches pattern = "b"'):
        await surveyed(*answer, pattern="b")


async def test_without_ids_name_and_cluster_are_the_identity() -> None:
    """Brokers before Kafka 2.8, and some that only speak its protocol: `epoch` then tells a topic that is made anew."""
    one = await surveyed(old("t", partitions=2), topics=["t"])
    assert set(one.names.values()) == {"0", "1"}
    assert (await surveyed(old("t"), cluster="other", topics=["t"])).epoch != one.epoch
    assert (await surveyed(old("t"), topics=["t"], epoch="second")).epoch != one.epoch
    assert (await surveyed(old("t"), topics=["t"])).epoch == one.epoch
    assert len(set((await surveyed(old("a"), old("b"), topics=["a", "b"])).names.values())) == 2


@pytest.mark.parametrize(
    ("error", "reason"),
    [(3, "topic t does not exist"), (5, "topic t is being created"), (29, "topic t may not be read"), (34, "refuses")],
)
async def test_a_topic_that_can_not_be_read_says_why(error: int, reason: str) -> None:
    with pytest.raises(SourceUnavailable, match=reason):
        await surveyed(topic("t", error=error), topics=["t"])


async def test_names_are_the_same_in_every_process() -> None:
    """And for ever: clients come back with them, to another replica, of another version."""
    found = await surveyed(topic("a", id=1), topic("b", id=2), topics=["a", "b"])
    assert (found.epoch, sorted(found.names.values())) == ("capeb1dc", ["ftuor0", "nit1s0"])


async def test_two_topics_with_one_short_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once in thirty million pairs; then ids could not tell them apart."""
    monkeypatch.setattr("sse_gateway_kafka.survey.digest36", lambda *_, length=8: "0" * length)
    with pytest.raises(SourceUnavailable, match="the same short name"):
        await surveyed(topic("a", id=1), topic("b", id=2), topics=["a", "b"])
