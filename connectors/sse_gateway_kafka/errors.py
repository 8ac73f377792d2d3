"""What aiokafka raises, and what it means."""

from __future__ import annotations

import ssl

from aiokafka import errors as kafka

from sse_gateway.connector import Translation

_MEANINGS: tuple[tuple[type[BaseException], str], ...] = (
    (kafka.SaslAuthenticationFailed, "the broker refuses `sasl`"),
    (kafka.AuthenticationFailedError, "the broker refuses `sasl`"),
    (kafka.UnsupportedSaslMechanismError, "the broker does not offer `sasl.mechanism`"),
    (kafka.IllegalSaslStateError, "the broker refuses `sasl`"),  # of a token, aiokafka notices in the next request
    (kafka.TopicAuthorizationFailedError, "we may not read or write the topic"),
    (kafka.GroupAuthorizationFailedError, "we may not use the group"),
    (kafka.ClusterAuthorizationFailedError, "we may not do that on this cluster"),
    (kafka.UnknownTopicOrPartitionError, "the topic is not there"),
    (kafka.MessageSizeTooLargeError, "the message is larger than the topic takes"),
    (kafka.UnsupportedCodecError, "the topic is compressed; the codec is missing: pip install 'sse-gateway[kafka]'"),
    (kafka.CorruptRecordException, "what the broker sent is damaged"),
    (kafka.RequestTimedOutError, "no answer within `timeout`"),
    (kafka.KafkaTimeoutError, "no answer within `timeout`"),
    (kafka.NodeNotReadyError, "no connection to the brokers"),
    (kafka.KafkaConnectionError, "no connection to the brokers"),
    (kafka.IncompatibleBrokerVersion, "the broker is too old"),
    (NotImplementedError, "the broker speaks no version that we know"),
    (kafka.KafkaError, "the broker refuses"),
    (kafka.ConsumerStoppedError, "the consumer has stopped"),
    (kafka.IllegalOperation, "the broker refuses"),
    (ssl.SSLCertVerificationError, "the broker's certificate is not to be trusted (`tls.ca`)"),
    (ssl.SSLError, "no TLS with the broker"),
    (TimeoutError, "no answer within `timeout`"),
    (OSError, "no connection to the brokers"),
    # What speaks at that port is no Kafka, or an answer was cut off: aiokafka then fails in decoding it.
    (EOFError, "the connection was closed in the middle of an answer"),
    (ValueError, "the answer is not Kafka's"),
    (KeyError, "the answer is not Kafka's"),
    (AssertionError, "the answer is not Kafka's"),
)

translated = Translation([(kind, text + "{detail}") for kind, text in _MEANINGS])
