"""The Dockerfile, as far as it can be judged by reading."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.specifiers import SpecifierSet

from .dockerfile import ROOT, Dockerfile

DOCKERFILE = Dockerfile.read()
BUILD, IMAGE = DOCKERFILE.stages
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    command = [
        str(hadolint),
        "--failure-threshold",
        "none",
        "--disable-ignore-pragma",
        "--format",
        "json",
        "Dockerfile",
    ]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=30).stdout == b"[]"


def test_it_runs_as_a_user_that_kubernetes_can_tell_is_not_root() -> None:
    """runAsNonRoot takes numbers only; and nothing after USER would need root."""
    user = IMAGE.one("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user.text)
    after = IMAGE.instructions[IMAGE.instructions.index(user) :]
    assert [each.name for each in after if each.name in ("RUN", "COPY", "ADD")] == []
    made = " ".join(each.text for each in IMAGE.all("RUN"))
    assert "--uid {} ".format(user.text.partition(":")[0]) in made
    assert "--gid {} ".format(user.text.partition(":")[2]) in made


def test_signals_and_health_checks_reach_the_gateway_without_a_shell() -> None:
    assert IMAGE.one("ENTRYPOINT").exec_form() == ["sse-gateway"]
    assert IMAGE.one("CMD").exec_form() == ["serve"]
    assert IMAGE.one("HEALTHCHECK").exec_form() == ["sse-gateway", "alive"]
    assert IMAGE.one("STOPSIGNAL").text == "SIGTERM"


def test_its_python_is_one_that_the_project_supports() -> None:
    match = re.fullmatch(r"python:(3\.\d+)-slim", DOCKERFILE.arguments["BASE"])
    assert match and match[1] in SpecifierSet(PROJECT["requires-python"])
    assert f"Programming Language :: Python :: {match[1]}" in PROJECT["classifiers"]


def test_everything_that_is_installed_has_a_hash_or_was_built_here() -> None:
    installs = [command for each in BUILD.all("RUN") for command in re.findall(r"pip .*?install [^&]+", each.text)]
    assert len(installs) == 3
    assert [each for each in installs if "--require-hashes" not in each and "--no-index --no-deps" not in each] == []
    assert BUILD.environment()["PIP_ONLY_BINARY"] == ":all:"
