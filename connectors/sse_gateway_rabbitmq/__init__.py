"""The `rabbitmq` connector: exchanges, streams and queues of a RabbitMQ, by AMQP 0.9.1."""

from __future__ import annotations

from typing import Any

from sse_gateway.connector import Connector

from .config import RabbitMQConfig
from .connector import ExchangeConnector, QueueConnector
from .stream import StreamConnector

__all__ = ["ExchangeConnector", "QueueConnector", "RabbitMQConfig", "RabbitMQConnector", "StreamConnector"]

_MODES = {"exchange": ExchangeConnector, "queue": QueueConnector, "stream": StreamConnector}


class RabbitMQConnector(Connector[RabbitMQConfig]):
    """Reads an exchange, a stream or a queue. There is a class for each mode, because the modes differ in what they can
    do: only a stream can be read again. `build` takes the one that is configured."""

    Config = RabbitMQConfig

    @classmethod
    def build(cls, config: RabbitMQConfig, name: str) -> Connector[Any]:
        """The connector of the mode that `config` names."""
        return _MODES[config.mode](config, name=name)
