"""The brokers of the tests themselves: how they are got, named, and ended."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from . import rabbitmq
from .__main__ import main
from .install import AMQP_VARIABLE, KAFKA_VARIABLE
from .kafka import jars
from .kafka.broker import Kafka
from .process import Process, StartFailed
from .provision import Provision, Unavailable
from .rabbitmq import RabbitMQ


def test_what_is_missing_is_told_as_packages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of brokers that are the user's own, nothing is."""
    monkeypatch.delenv(AMQP_VARIABLE, raising=False)
    monkeypatch.delenv(KAFKA_VARIABLE, raising=False)
    monkeypatch.setattr(rabbitmq, "missing", lambda: ["rabbitmq-server"])
    monkeypatch.setattr(jars, "missing", lambda: ["default-jre-headless", "maven"])
    assert main(["missing"]) == 0
    monkeypatch.setenv(KAFKA_VARIABLE, "elsewhere:9092")
    assert main(["missing"]) == 0
    monkeypatch.setenv(AMQP_VARIABLE, "amqp://elsewhere/")
    assert main(["missing"]) == 0
    assert capsys.readouterr().out == "rabbitmq-server default-jre-headless maven\nrabbitmq-server\n\n"


def test_jars_that_can_not_be_fetched_are_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise subprocess.CalledProcessError(1, "mvn")

    monkeypatch.delenv(KAFKA_VARIABLE, raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(jars, "fetched", lambda: False)
    monkeypatch.setattr(jars, "fetch", fail)
    assert main(["fetch"]) == 0
    assert "the tests that need it are skipped" in capsys.readouterr().err


def test_servers_of_the_user_are_taken_and_never_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tests that would stop or configure them are skipped with the reason."""
    monkeypatch.setenv(AMQP_VARIABLE, "amqp://elsewhere/")
    monkeypatch.setenv(KAFKA_VARIABLE, "elsewhere:9092")
    provision = Provision(tmp_path)
    assert (provision.rabbitmq_url(), provision.kafka_bootstrap()) == ("amqp://elsewhere/", "elsewhere:9092")
    for own in (provision.rabbitmq, provision.kafka):
        with pytest.raises(Unavailable, match="not ours to stop"):
            own()
    assert provision.lines["kafka"] == f"Kafka of {KAFKA_VARIABLE} (elsewhere:9092)"


def test_a_broker_that_can_not_be_had_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In one line, which is the reason of each skip and stands in the summary."""
    monkeypatch.delenv(KAFKA_VARIABLE, raising=False)
    monkeypatch.setattr(jars, "missing", lambda: ["maven"])
    provision = Provision(tmp_path)
    with pytest.raises(Unavailable, match="apt-get install"):
        provision.kafka()
    assert provision.lines["kafka"].startswith("SKIPPED: Apache Kafka (")
    assert "is not here; to have it: sudo apt-get" in provision.lines["kafka"]


def test_a_server_that_does_not_come_up_shows_what_it_wrote(tmp_path: Path) -> None:
    """It is there and broken: that is no reason to skip."""
    server = Process(["sh", "-c", "echo because; exit 3"], environment={}, output=tmp_path / "out")
    with pytest.raises(StartFailed, match="because"):
        server.start(lambda: False)


def test_servers_end_with_a_run_that_is_killed(tmp_path: Path) -> None:
    """kill -9 leaves no time to close anything: the reaper sees the end of its input."""
    lines = [
        "import os, sys, pathlib",
        "from tests.brokers.process import Process",
        "server = Process(['sleep', '600'], environment=dict(os.environ), output=pathlib.Path(sys.argv[1]))",
        "server.start(lambda: True)",
        "print(server.pid, flush=True)",
        "sys.stdin.read()",
    ]
    command = [sys.executable, "-c", "\n".join(lines), str(tmp_path / "out")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        server = os.pidfd_open(int(run.stdout.readline()))
        run.send_signal(signal.SIGKILL)
    try:
        ended, _, _ = select.select([server], [], [], 20)  # a pidfd can be read when its process has ended
        assert ended, "the server outlived the run"
    finally:
        os.close(server)


def test_a_queue_that_rabbitmq_has_not_got_up_is_seen(own_rabbitmq: RabbitMQ) -> None:
    """As it may be after a kill: RabbitMQ knows of it, and has no record of where it is."""
    name = 'rabbit_misc:r(<<"/">>, queue, <<"test-not-up">>)'
    made = 'rabbit_amqqueue:declare(Name, true, false, [], none, <<"test">>)'
    gone, back = "mnesia:dirty_delete(rabbit_queue, Name)", "[mnesia:dirty_write(rabbit_queue, Q)]"
    own_rabbitmq.ctl("eval", f"Name = {name}, {made}, {gone}.")
    assert not own_rabbitmq.has_all(within=0)
    own_rabbitmq.ctl("eval", f"Name = {name}, [Q] = mnesia:dirty_read(rabbit_durable_queue, Name), {back}.")
    assert own_rabbitmq.has_all(within=0)
    own_rabbitmq.ctl("delete_queue", "test-not-up")


def test_kafka_comes_back_with_what_it_had(own_kafka: Kafka) -> None:
    """Stopped in good order and started again on the same ports; started twice it is the same one."""
    before = own_kafka.bootstrap
    own_kafka.stop()
    assert not own_kafka.running
    own_kafka.start()
    own_kafka.start()
    assert (own_kafka.running, own_kafka.bootstrap) == (True, before)
