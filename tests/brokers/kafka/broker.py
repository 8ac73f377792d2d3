"""An Apache Kafka node of the tests' own."""

from __future__ import annotations

import base64
import os
import socket
import struct
import subprocess
import uuid
from pathlib import Path

from ..certificates import Certificates
from ..ports import free_ports
from ..process import Process
from .jars import JARS, version
from .properties import PASSWORD, USER, Ports, server_properties

# Small and quick to start, not quick to run: the tests send thousands of messages, not millions.
_JAVA = ["java", "-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"]
_LOG = Path(__file__).with_name("log4j2.properties")

# An ApiVersions request of version 0, with no client id: length, key 18, version 0, correlation 7, no string.
_HELLO = struct.pack(">ihhih", 10, 18, 0, 7, -1)


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
