"""A gateway that starts before its brokers are ready for it: it waits, says why, and needs nobody when they are."""

from __future__ import annotations

from pathlib import Path

from anyio import to_thread
from confluent_kafka.admin._scram import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

from .report import Report
from .scene import Scene, make, opened
from .source import Access, Upstreams, all_sources

USER = "late"


async def test_brokers_that_are_away(tmp_path: Path, upstreams: Upstreams, report: Report) -> None:
    sources = all_sources(upstreams)
    lines = upstreams.rabbit_line, upstreams.kafka_line
    for line in lines:
        await line.refuse()

    async def accept() -> None:
        for line in lines:
            await line.accept()

    await make(sources)
    async with opened(tmp_path, sources, upstreams.access, report, ready=False) as scene:
        scene.begin()
        await scene.suffer("away at start", mend=accept, breaks={})
        check_refusals(scene, "Connection refused", "no connection to the brokers")


async def test_passwords_that_are_wrong(tmp_path: Path, upstreams: Upstreams, report: Report) -> None:
    """They become right at the broker, as somebody sets them there."""
    sources = all_sources(upstreams)

    async def set_passwords(command: str, password: str) -> None:
        await to_thread.run_sync(upstreams.rabbitmq.ctl, command, USER, password)
        scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(USER, scram, password.encode())
        await upstreams.topics.administer(lambda admin: admin.alter_user_scram_credentials([change]))

    access = Access(
        f'url = "amqp://{USER}:right@127.0.0.1:{upstreams.rabbitmq.port}/"',
        f"""servers = ["{upstreams.kafka.sasl}"]
sasl = {{ mechanism = "SCRAM-SHA-512", username = "{USER}", password = "right" }}""",
    )
    await set_passwords("add_user", "wrong")
    await to_thread.run_sync(upstreams.rabbitmq.ctl, "set_permissions", USER, ".*", ".*", ".*")
    await make(sources)
    async with opened(tmp_path, sources, access, report, ready=False) as scene:
        scene.begin()
        await scene.suffer("wrong password", mend=lambda: set_passwords("change_password", "right"), breaks={})
        check_refusals(scene, "refuses the user name or the password", "the broker refuses `sasl`")
        assert not any("right" in str(line) for line in scene.gateway.lines), "a password is nowhere in the log"
    await to_thread.run_sync(upstreams.rabbitmq.ctl, "delete_user", USER)


async def test_what_is_to_be_read_is_missing(tmp_path: Path, upstreams: Upstreams, report: Report) -> None:
    sources = all_sources(upstreams)
    async with opened(tmp_path, sources, upstreams.access, report, ready=False) as scene:

        async def make_and_begin() -> None:
            await make(sources)
            scene.begin()

        await scene.suffer("exchange, queue or topic missing", mend=make_and_begin, breaks={})
        check_refusals(scene, "NOT_FOUND", "does not exist")


def check_refusals(scene: Scene, rabbitmq: str, kafka: str) -> None:
    """Each source was told to be down, with its broker's reason."""
    errors = scene.errors()
    for source in scene.sources:
        assert {"rabbitmq": rabbitmq, "kafka": kafka}[source.label.split()[0]] in errors[source.name]
