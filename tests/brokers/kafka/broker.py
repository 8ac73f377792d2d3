"""An Apache Kafka node of the tests' own."""

from __future__ import annotations

import base64
import os
import socket
import struct
import subprocess
import uuid
from pathlib import Path
from typing import NamedTuple

from ..certificates import Certificates
from ..ports import free_ports
from ..process import Process
from .jars import JARS, version

# Small and quick to start, not quick to run: the tests send thousands of messages, not millions.
_JAVA = ["java", "-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"]
_LOG = Path(__file__).with_name("log4j2.properties")

# An ApiVersions request of version 0, with no client id: length, key 18, version 0, correlation 7, no string.
_HELLO = struct.pack(">ihhih", 10, 18, 0, 7, -1)


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


class Kafka:
    """One node. Its ports and its topics stay the same when it is started again.

    `bootstrap` is the plain listener. `sasl` takes PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER (tokens that
    nobody signed); `tls` asks for a client certificate of the tests' authority; `sasl_tls` is both, without the
    certificate. `proxy` is a port and the one that clients are sent to instead, for a `Proxy` to listen at. The one
    user is `user` with `password`. Another process can have it too, where it is not `running`, but can be used.
    """

    user, password = USER, PASSWORD

    def __init__(self, folder: Path, certificates: Certificates, ports: Ports | None = None) -> None:
        self._folder = folder
        self._ports = ports = ports or Ports(*free_ports(7))
        self.host, self.port = "127.0.0.1", ports.plain
        self.bootstrap = f"127.0.0.1:{ports.plain}"
        self.sasl = f"127.0.0.1:{ports.sasl}"
        self.tls = f"localhost:{ports.tls}"
        self.sasl_tls = f"localhost:{ports.sasl_tls}"
        self.proxy = ports.behind_proxy, ports.proxy
        self.certificates = certificates
        self.version = version()
        self.seconds = 0.0
        self._data = folder / "data"
        self._properties = folder / "server.properties"
        self._output = folder / "kafka.out"
        self._node = Process(
            [*_JAVA, f"-Dlog4j2.configurationFile={_LOG}", "-cp", f"{JARS}/*", "kafka.Kafka", str(self._properties)],
            environment=dict(os.environ),
            output=self._output,
        )

    def __reduce__(self) -> tuple[type[Kafka], tuple[Path, Certificates, Ports]]:
        return Kafka, (self._folder, self.certificates, self._ports)

    @property
    def running(self) -> bool:
        return self._node.running

    def start(self) -> None:
        """Start the node and wait until it answers requests; the first start formats its folder. Nothing while it
        runs."""
        if self.running:
            return
        if not (self._data / "meta.properties").exists():
            self._format()
        self.seconds = self._node.start(self._answers)

    def stop(self) -> None:
        """End the node in good order."""
        self._node.stop()

    def kill(self) -> None:
        """kill -9 of the node."""
        self._node.kill()

    def close(self) -> None:
        """The end of the run: nothing of it is left."""
        self._node.kill()

    def _format(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._properties.write_text(server_properties(self._ports, self._data, self.certificates))
        identity = bytes(1) + uuid.uuid4().bytes[1:]  # for the tool an id that begins with "-" is an option
        cluster = base64.urlsafe_b64encode(identity).decode().rstrip("=")
        scram = [f"--add-scram=SCRAM-SHA-{bits}=[name={USER},password={PASSWORD}]" for bits in (256, 512)]
        tool = ["kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", str(self._properties), *scram]
        with self._output.open("ab") as output:
            subprocess.run([*_JAVA, "-cp", f"{JARS}/*", *tool], check=True, stdout=output, stderr=output)

    def _answers(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), timeout=5) as line:
                line.sendall(_HELLO)
                return line.recv(8)[4:8] == _HELLO[8:12]
        except OSError:
            return False
