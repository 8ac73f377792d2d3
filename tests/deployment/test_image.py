"""The image's steps build a gateway that runs as it would in a container. A minute, most of it pip's."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import anyio
import pytest

from ..brokers.ports import free_ports
from .dockerfile import ROOT, Dockerfile, Instruction, Stage

_READ_ONLY = r"""
findmnt --raw --noheadings --output TARGET | grep -v -e '^/proc' -e '^/sys' |
    while read -r target; do mount -o remount,bind,ro "$target"; done 2>/dev/null
"""


def confined(command: Sequence[str], *, uid: int) -> list[str]:
    """`command` as this user, without capabilities, and with every file system read-only. Needs no root where users may make
    namespaces; files of who runs it belong to the user inside."""
    inner = ["unshare", "--user", f"--map-user={uid}", f"--map-group={uid}", *command]
    script = f'{_READ_ONLY}\nexec "$@"'
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", *inner]


def works() -> bool:
    """Whether this machine lets us do that."""
    probe = confined(["sh", "-c", 'test "$(id -u)" = 65532 && ! touch /tmp/written'], uid=65532)
    try:
        return subprocess.run(probe, capture_output=True, timeout=10).returncode == 0
    except FileNotFoundError:
        return False


IMAGE = Dockerfile.read().stages[-1]
GATEWAY = """
[server]
host = "0.0.0.0"
port = {public}
[admin]
port = {admin}
[sources.orders]
channel = "orders"
[sources.orders.rabbitmq]
url = "amqp://127.0.0.1:{nothing}/"
exchange = "orders"
[sources.payments]
channel = "payments"
[sources.payments.kafka]
servers = ["127.0.0.1:{nothing}"]
topics = ["payments"]
[[routes]]
path = "/events"
channels = ["orders", "payments"]
[drain]
delay = "0s"
spread = "0s"
"""


@pytest.fixture(scope="module")
def commands() -> Iterator[Path]:
    """The folder with the commands of the built image."""
    with tempfile.TemporaryDirectory() as prefix:
        yield build(Path(prefix)) / "bin"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What is mounted where WORKDIR says: a gateway whose brokers are away."""
    public, admin, nothing = free_ports(3)
    (tmp_path / "gateway.toml").write_text(GATEWAY.format(public=public, admin=admin, nothing=nothing))
    return tmp_path


async def healthy(commands: Path, folder: Path) -> bool:
    """What HEALTHCHECK finds."""
    name, *arguments = IMAGE.one("HEALTHCHECK").exec_form()
    with anyio.fail_after(30):
        return (await anyio.run_process([commands / name, *arguments], cwd=folder, check=False)).returncode == 0


def test_the_gateway_of_the_image_has_both_brokers_and_nothing_that_installs(commands: Path) -> None:
    python = commands / "python"
    imports = "import aio_pika, aiokafka, sse_gateway_kafka, sse_gateway_rabbitmq, sse_gateway_webhook"
    subprocess.run([python, "-I", "-W", "error", "-c", imports], check=True, timeout=30)
    assert not any((commands / name).exists() for name in ("pip", "hatchling", "uv"))
    assert list(commands.parent.glob("lib/*/site-packages/sse_gateway-*/licenses/LICENSE"))


async def test_it_starts_says_that_it_is_healthy_and_ends_with_0_on_its_stop_signal(
    commands: Path, folder: Path
) -> None:
    await starts_and_stops(commands, folder, uid=None)


@pytest.mark.skipif(not works(), reason="this machine does not let us make namespaces")
async def test_it_needs_no_root_no_name_no_capability_and_nothing_to_write_to(commands: Path, folder: Path) -> None:
    await starts_and_stops(commands, folder, uid=int(IMAGE.one("USER").text.partition(":")[0]))


async def starts_and_stops(commands: Path, folder: Path, *, uid: int | None) -> None:
    entry, command = IMAGE.one("ENTRYPOINT").exec_form(), IMAGE.one("CMD").exec_form()
    arguments = [str(commands / entry[0]), *entry[1:], *command]
    assert not await healthy(commands, folder)
    async with await anyio.open_process(
        arguments if uid is None else confined(arguments, uid=uid), cwd=folder, stdout=None, stderr=None
    ) as process:
        try:
            with anyio.fail_after(30):
                while not await healthy(commands, folder):
                    assert process.returncode is None
            process.send_signal(signal.Signals[IMAGE.one("STOPSIGNAL").text])
            with anyio.fail_after(30):
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()


_ABSOLUTE = re.compile(r"(?<![\w./])/(?=opt/)")


def build(prefix: Path) -> Path:
    """Do what the build stage says, below `prefix`, and return the folder that the image takes from it."""
    dockerfile = Dockerfile.read()
    stage, image = dockerfile.stages
    _run(stage, prefix)
    [copied] = [each for each in image.all("COPY") if f"--from={stage.name}" in each.text]
    source, target = copied.words()
    assert source == target, "scripts in a virtual environment name the folder that it was made in"
    return Path(_inside(prefix, source))


def _run(stage: Stage, prefix: Path) -> None:
    folder = prefix
    environment = _environment(stage, prefix)
    for each in stage.instructions:
        if each.name == "WORKDIR":
            folder = prefix / each.text.lstrip("/")
            folder.mkdir(parents=True)
        elif each.name == "COPY":
            _copy(each, folder)
        elif each.name == "RUN":
            command = ["sh", "-ec", _inside(prefix, each.text)]
            subprocess.run(command, cwd=folder, env=environment, check=True, timeout=280)


def _environment(stage: Stage, prefix: Path) -> dict[str, str]:
    """Ours, so that pip finds its index, with the stage's, and with a `python` outside of any virtual environment."""
    base = f"{sys.base_prefix}/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    python = prefix / "base" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{base}" "$@"\n')
    python.chmod(0o755)
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(("COV_CORE", "COVERAGE", "VIRTUAL"))
    }
    theirs = {name: value for name, value in stage.environment().items() if name != "PIP_NO_CACHE_DIR"}
    return ours | theirs | {"PATH": f"{python.parent}:{os.environ['PATH']}"}


def _inside(prefix: Path, text: str) -> str:
    return _ABSOLUTE.sub(f"{prefix}/", text)


def _copy(instruction: Instruction, folder: Path) -> None:
    *sources, target = instruction.words()
    for source in sources:
        _assert_sent(source)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (folder / target).mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, folder / target)


def _assert_sent(source: str) -> None:
    """A builder is only sent what .dockerignore, a list of exceptions from `*`, lets through."""
    sent = (ROOT / ".dockerignore").read_text().splitlines()
    assert f"!{source.partition('/')[0]}" in sent, f"{source} is not sent to the builder"
