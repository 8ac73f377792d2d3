"""The `rabbitmq` connector: exchanges, streams and queues of a RabbitMQ, by AMQP 0.9.1.

Importing the modes is what makes them known to `RabbitMQConnector`.
"""

from __future__ import annotations

from .config import RabbitMQConfig
from .connector import RabbitMQConnector
from .exchange import ExchangeConnector
from .queue import QueueConnector
from .stream import StreamConnector

__all__ = ["ExchangeConnector", "QueueConnector", "RabbitMQConfig", "RabbitMQConnector", "StreamConnector"]
