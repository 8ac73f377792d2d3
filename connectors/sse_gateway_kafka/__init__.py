"""The `kafka` connector: topics of an Apache Kafka cluster, or of anything that speaks its protocol."""

from __future__ import annotations

from .config import KafkaConfig
from .connector import KafkaConnector

__all__ = ["KafkaConfig", "KafkaConnector"]
