"""The wheel, installed into an environment of its own, with each of its extras and with none."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from .dockerfile import ROOT

EXTRAS = tuple(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
CONNECTORS = {"rabbitmq": {"rabbitmq", "all"}, "kafka": {"kafka", "all"}}
"""Those that need a library, and the extras that bring it."""
FILE = """
[sources.one]
channel = "one"
[sources.one.rabbitmq]
url = "amqp://localhost/"
exchange = "orders"
[sources.two]
channel = "two"
[sources.two.kafka]
servers = ["localhost:9092"]
topics = ["orders"]
[sources.three]
channel = "three"
[sources.three.webhook]
path = "/hook"
[[routes]]
path = "/events"
channels = ["one", "two", "three"]
"""


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    return next(folder.glob("*.whl"))


@pytest.mark.parametrize("extra", ["", *EXTRAS])
def test_it_installs_and_a_connector_without_its_library_says_what_to_install(
    extra: str, wheel: Path, tmp_path: Path
) -> None:
    environment, uv = tmp_path / "environment", Path(sys.executable).with_name("uv")
    assert run(uv, "venv", "--quiet", environment).returncode == 0
    what = f"{wheel}[{extra}]" if extra else str(wheel)
    pins = ROOT / "requirements" / "dev.txt"
    installed = run(uv, "pip", "install", "--quiet", "--python", environment, "--constraint", pins, what)
    assert (installed.returncode, installed.stdout, installed.stderr) == (0, "", ""), "it warns of an extra it lacks"
    file = tmp_path / "gateway.toml"
    file.write_text(FILE)
    checked = run(environment / "bin" / "sse-gateway", "check", file)
    missing = [connector for connector, bringing in CONNECTORS.items() if extra not in bringing]
    assert checked.returncode == bool(missing)
    assert re.findall(r'pip install "sse-gateway\[(\w+)\]"$', checked.stderr, re.MULTILINE) == missing
