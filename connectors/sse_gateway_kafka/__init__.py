"""The `kafka` connector: topics of an Apache Kafka cluster, or of anything that speaks its protocol."""

from __future__ import annotations

from typing import Any

from sse_gateway.connector import Connector

from .assign import AssignConnector
from .config import KafkaConfig
from .group import GroupConnector

__all__ = ["AssignConnector", "GroupConnector", "KafkaConfig", "KafkaConnector"]


class KafkaConnector(Connector[KafkaConfig]):
    """Reads topics, and publishes to one. There is a class for each mode, because the modes differ in what they can do:
    what a group shares out can't be read again. `build` takes the one that is configured."""

    Config = KafkaConfig

    @classmethod
    def build(cls, config: KafkaConfig, name: str) -> Connector[Any]:
        """The connector of the mode that `config` names."""
        return (GroupConnector if config.mode == "group" else AssignConnector)(config, name=name)
