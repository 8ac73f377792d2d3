"""A RabbitMQ node of the tests' own: any user, no systemd, loopback only, no plugins (stream queues need none)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from .certificates import Certificates
from .ports import free_ports
from .process import Process

# Not /usr/sbin: Debian's wrapper there insists on being root or rabbitmq, and writes to /var/log.
_BIN = Path("/usr/lib/rabbitmq/bin")

_CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{port}
listeners.ssl.1 = 127.0.0.1:{tls_port}
ssl_options.cacertfile = {certificates.authority}
ssl_options.certfile = {certificates.server}
ssl_options.keyfile = {certificates.server_key}
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
loopback_users.guest = true
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 50MB
log.file.level = info
"""


def missing() -> list[str]:
    """What keeps a node from being started on this machine, as Debian packages."""
    return [] if (_BIN / "rabbitmq-server").exists() and shutil.which("epmd") else ["rabbitmq-server"]


class _Ports(NamedTuple):
    plain: int
    tls: int
    distribution: int
    names: int
    control: int


class RabbitMQ:
    """One node. Its ports stay the same when it is started again, and so do its durable queues.

    `url` is the plain listener; `tls_url` the one that asks for a client certificate of the tests' authority. Another
    process can have it too, where it is not `running`, but can be used.
    """

    def __init__(self, folder: Path, certificates: Certificates, ports: _Ports | None = None) -> None:
        self._folder = folder
        self._ports = ports or _Ports(*free_ports(5))
        self.host, self.port, self.tls_port = "127.0.0.1", self._ports.plain, self._ports.tls
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/"
        self.tls_url = f"amqps://guest:guest@localhost:{self.tls_port}/"
        self.certificates = certificates
        self.seconds = 0.0
        self.started_twice = 0
        """How often it came back from a kill without a stream that it holds, which nobody could then declare or read ("home
        node is down or inaccessible") for minutes, until it was started once more: RabbitMQ 3.10 does, 2 of 28 times."""
        self._killed = False
        self._environment = self._variables(folder)
        # Run by us and in the foreground: a daemon that the node starts by itself would outlive it, with no id known.
        self._names = Process(
            ["epmd", "-address", "127.0.0.1", "-port", str(self._ports.names)],
            environment=self._environment,
            output=folder / "epmd.out",
        )
        self._node = Process(
            [str(_BIN / "rabbitmq-server")], environment=self._environment, output=folder / "rabbitmq.out"
        )

    def __reduce__(self) -> tuple[type[RabbitMQ], tuple[Path, Certificates, _Ports]]:
        return RabbitMQ, (self._folder, self.certificates, self._ports)

    @property
    def version(self) -> str:
        """The version of the node, as the installed command says it."""
        return self.ctl("version").strip()

    @property
    def running(self) -> bool:
        return self._node.running

    def start(self) -> None:
        """Start the node and wait until it speaks AMQP. Does nothing while it runs."""
        if self.running:
            return
        if not self._names.running:
            self._configure()
            self._names.start(lambda: _listens(self._ports.names))
        self.seconds = self._node.start(self._speaks)
        if self._killed and not self.has_all(within=15.0):
            self._node.stop()
            self._node.start(self._speaks)
            self.started_twice += 1
        self._killed = False

    def stop(self) -> None:
        """End the node in good order; epmd stays for the next start."""
        self._node.stop()

    def kill(self) -> None:
        """kill -9 of the node."""
        self._killed = True
        self._node.kill()

    def close(self) -> None:
        """The end of the run: nothing of it is left, and nothing in it is worth an orderly end."""
        self._node.kill()
        self._names.kill()

    def ctl(self, *arguments: str) -> str:
        """What `rabbitmqctl ARGUMENTS` prints. Raises CalledProcessError; it takes about a second."""
        return subprocess.run(
            [str(_BIN / "rabbitmqctl"), "-q", *arguments],
            env=self._environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout

    def close_connections(self) -> None:
        """The broker closes every connection that it has: the cheapest fault."""
        self.ctl("close_all_connections", "closed by the test")

    def has_all(self, *, within: float) -> bool:
        """Whether it comes to have all its durable queues."""
        deadline = time.monotonic() + within
        while self.ctl("list_queues", "--offline", "--no-table-headers", "name").strip():
            if time.monotonic() > deadline:
                return False
        return True

    def _configure(self) -> None:
        (self._folder / "home").mkdir(parents=True, exist_ok=True)
        (self._folder / "enabled_plugins").write_text("[].")
        text = _CONFIGURATION.format(port=self.port, tls_port=self.tls_port, certificates=self.certificates)
        (self._folder / "rabbitmq.conf").write_text(text)

    def _variables(self, folder: Path) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(folder / "home"),  # where its cookie is
            "RUNNING_UNDER_SYSTEMD": "1",  # the start script becomes the node instead of waiting for it as a child
            "RABBITMQ_NODENAME": f"sse{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._ports.distribution),
            "RABBITMQ_CTL_DIST_PORT_MIN": str(self._ports.control),
            "RABBITMQ_CTL_DIST_PORT_MAX": str(self._ports.control + 10),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),  # what /etc/rabbitmq says is not for us
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._ports.names),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none",
        }

    def _speaks(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), timeout=5) as line:
                line.sendall(b"AMQP\x00\x00\x09\x01")
                return line.recv(7)[:1] == b"\x01"
        except OSError:
            return False


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True
