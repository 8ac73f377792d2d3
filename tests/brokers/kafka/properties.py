"""The configuration of the tests' Kafka node: KRaft, broker and controller in one, five ways in."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ..certificates import Certificates

USER, PASSWORD = "reader", "reader-secret"


class Ports(NamedTuple):
    """One for each listener; what listens at `proxy` is a test's, in front of `behind_proxy`."""

    plain: int
    behind_proxy: int
    proxy: int
    sasl: int
    tls: int
    sasl_tls: int
    controller: int


_LISTENERS = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{ports.controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listeners=PLAINTEXT://127.0.0.1:{ports.plain},PROXIED://127.0.0.1:{ports.behind_proxy},SASL://127.0.0.1:{ports.sasl},TLS://127.0.0.1:{ports.tls},\
SASLTLS://127.0.0.1:{ports.sasl_tls},CONTROLLER://127.0.0.1:{ports.controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{ports.plain},PROXIED://127.0.0.1:{ports.proxy},SASL://127.0.0.1:{ports.sasl},\
TLS://localhost:{ports.tls},SASLTLS://localhost:{ports.sasl_tls}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL,SASLTLS:SASL_SSL
"""

# One replica of everything; topics are made by tests and by nobody else; nothing waits for members that will not come,
# nor, after a kill -9, longer than it must for the session of the broker that was (9 s by default).
_SINGLE = """\
auto.create.topics.enable=false
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
num.network.threads=2
num.io.threads=4
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""

# Everybody may do everything that no rule forbids, so that a test can forbid one user one topic.
_RIGHTS = """\
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
super.users=User:ANONYMOUS
"""

_SECURITY = "org.apache.kafka.common.security"


def _sasl(listener: str) -> str:
    prefix = f"listener.name.{listener}"
    plain = f'{_SECURITY}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
    scram = f"{_SECURITY}.scram.ScramLoginModule required;"
    bearer = f'{_SECURITY}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";'
    return "\n".join(
        [
            f"{prefix}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
            f"{prefix}.plain.sasl.jaas.config={plain}",
            f"{prefix}.scram-sha-256.sasl.jaas.config={scram}",
            f"{prefix}.scram-sha-512.sasl.jaas.config={scram}",
            f"{prefix}.oauthbearer.sasl.jaas.config={bearer}",
            "",
        ]
    )


def _tls(listener: str, certificates: Certificates, *, client: str) -> str:
    prefix = f"listener.name.{listener}.ssl"
    return "\n".join(
        [
            f"{prefix}.client.auth={client}",
            f"{prefix}.keystore.type=PEM",
            f"{prefix}.keystore.location={_keystore(certificates)}",
            f"{prefix}.truststore.type=PEM",
            f"{prefix}.truststore.location={certificates.authority}",
            "",
        ]
    )


def _keystore(certificates: Certificates) -> Path:
    path = certificates.server.with_name("keystore.pem")
    path.write_bytes(certificates.server_key.read_bytes() + certificates.server.read_bytes())
    return path


def server_properties(ports: Ports, data: Path, certificates: Certificates) -> str:
    """The text of `server.properties`."""
    return "".join(
        [
            _LISTENERS.format(ports=ports),
            _SINGLE,
            _RIGHTS,
            f"log.dirs={data}\n",
            _sasl("sasl"),
            _sasl("sasltls"),
            _tls("tls", certificates, client="required"),
            _tls("sasltls", certificates, client="none"),
        ]
    )
