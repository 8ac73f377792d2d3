"""A real Apache Kafka, and the mock cluster that librdkafka carries."""
