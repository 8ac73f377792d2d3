"""Tests of the `rabbitmq` connector, against a real RabbitMQ."""
