"""What the pages of `docs/connectors` list is so."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from sse_gateway.connector import ConnectorConfig
from sse_gateway_generate import GenerateConfig
from sse_gateway_kafka import KafkaConfig
from sse_gateway_rabbitmq import RabbitMQConfig
from sse_gateway_webhook import WebhookConfig

from .page import Page

BROKERS = pytest.mark.parametrize(("name", "config"), [("kafka", KafkaConfig), ("rabbitmq", RabbitMQConfig)])


def code(config: type[ConnectorConfig]) -> str:
    """Of the whole package of a connector."""
    package = Path(str(sys.modules[config.__module__].__file__)).parent
    return "".join(path.read_text() for path in sorted(package.glob("*.py")))


@BROKERS
def test_every_option_is_listed_for_the_modes_that_have_it(name: str, config: type[ConnectorConfig]) -> None:
    listed = [option for _, options in Page(name).rows("for") for option in re.findall(r"`(\w+)`", options)]
    assert sorted(listed) == sorted(config.model_fields)


@pytest.mark.parametrize("config", [GenerateConfig, KafkaConfig, RabbitMQConfig, WebhookConfig])
def test_every_option_of_every_table_is_described(config: type[ConnectorConfig]) -> None:
    schema = config.model_json_schema()
    tables = [schema, *schema.get("$defs", {}).values()]
    keys = [(table["title"], name, key) for table in tables for name, key in table["properties"].items()]
    assert [(title, name) for title, name, key in keys if not key.get("description")] == []


@BROKERS
def test_every_text_of_the_errors_is_one(name: str, config: type[ConnectorConfig]) -> None:
    """Of our own, numbers and names aside; those with capitals are the broker's."""
    said = [text.strip("`") for text, _ in Page(name).rows("text")]
    ours = [re.sub("start = [0-9]+", "start = {start}", text) for text in said if not text[0].isupper()]
    ours = [re.split(r" orders(?:-0)?| for 10 s", text)[0] for text in ours]
    assert len(ours) >= 5
    assert [text for text in ours if text not in code(config)] == []


def test_every_refusal_of_a_webhook_that_is_counted_is_in_the_table() -> None:
    kinds = re.findall(r'(?:Refusal\(\d+, |busy\(|unauthorized\(|_tally\[)"(\w+)"', code(WebhookConfig))
    assert len(kinds) > 10 and [kind for kind in kinds if f"`{kind}`" not in Page("webhook").text] == []


def test_every_preset_of_a_webhook_has_an_example() -> None:
    presets = WebhookConfig.model_json_schema()["properties"]["signature"]["enum"]
    shown = re.findall(r'^signature = "(\w+)"', "\n".join(Page("webhook").blocks("toml")), re.MULTILINE)
    assert sorted(shown) == sorted(set(presets) - {"none"})
