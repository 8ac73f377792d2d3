"""What is built, pinned and kept small."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from configparser import ConfigParser
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = sorted((ROOT / "requirements").glob("*.txt"))
FOLDERS = ("sse_gateway", "connectors", "tests", "benchmarks", "examples")


def built(target: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=30)
    [path] = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(built("wheel", tmp_path_factory.mktemp("wheel")))


def test_the_source_distribution_has_the_examples(tmp_path: Path) -> None:
    with tarfile.open(built("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    examples = {
        str(path.relative_to(ROOT)) for path in (ROOT / "examples").rglob("*.*") if path.suffix in (".py", ".md")
    }
    assert examples
    assert examples <= names


def test_the_wheel_has_the_packages_and_nothing_called_connectors(wheel: zipfile.ZipFile) -> None:
    top = {name.partition("/")[0] for name in wheel.namelist() if ".dist-info" not in name}
    packages = {path.name for path in (ROOT / "connectors").glob("sse_gateway_*")}
    assert top == {"sse_gateway", *packages}
    assert "sse_gateway/py.typed" in wheel.namelist()
    assert "sse_gateway/public/page.html" in wheel.namelist()


def test_the_wheel_offers_the_command_and_every_connector(wheel: zipfile.ZipFile) -> None:
    [name] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    offered = ConfigParser()
    offered.read_string(wheel.read(name).decode())
    assert offered["console_scripts"]["sse-gateway"] == "sse_gateway.cli:main"
    modules = [value.partition(":")[0] for value in offered["sse_gateway.connectors"].values()]
    assert modules == sorted(path.name for path in (ROOT / "connectors").glob("sse_gateway_*"))


def test_the_wheel_says_what_it_is_and_which_extras_it_has(wheel: zipfile.ZipFile) -> None:
    [name] = [name for name in wheel.namelist() if name.endswith("METADATA")]
    metadata = Parser().parsestr(wheel.read(name).decode())
    assert (metadata["Name"], metadata["Requires-Python"]) == ("sse-gateway", ">=3.11")
    assert (metadata["License-Expression"], metadata["License-File"]) == ("MIT", "LICENSE")
    assert {"rabbitmq", "kafka", "all", "testing"} <= set(metadata.get_all("Provides-Extra", []))


@pytest.mark.parametrize("file", PINS, ids=lambda file: file.name)
def test_every_pin_has_a_hash_and_no_address(file: Path) -> None:
    text = file.read_text()
    pins = re.findall(r"^[a-z0-9].*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    assert pins
    assert [pin for pin in pins if "==" not in pin or "--hash=sha256:" not in pin] == []
    assert "://" not in text
    assert "--index" not in text


def test_what_tests_run_with_is_what_the_gateway_runs_with() -> None:
    def versions(name: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9][^ ]*==[^ ]+", (ROOT / "requirements" / name).read_text(), re.MULTILINE))

    assert versions("runtime.txt") | versions("build.txt") <= versions("dev.txt")


def test_everything_needed_is_pinned() -> None:
    needed = [
        *PROJECT["dependencies"],
        *PROJECT["optional-dependencies"]["rabbitmq"],
        *PROJECT["optional-dependencies"]["kafka"],
    ]
    names = {re.split(r"[<>=\[]", requirement)[0] for requirement in needed}
    pinned = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements" / "runtime.txt").read_text(), re.MULTILINE))
    assert names <= pinned


def imported(folder: str) -> set[str]:
    """The libraries that a folder imports, by the names of their distributions."""
    nodes = [node for file in (ROOT / folder).rglob("*.py") for node in ast.walk(ast.parse(file.read_text()))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    tops = {name.partition(".")[0] for name in names} - sys.stdlib_module_names
    own = {path.stem for path in (ROOT / "examples").rglob("*")}  # the scripts import each other
    return {top.replace("_", "-") for top in tops if not top.startswith("sse_gateway") and top not in own}


def test_what_is_declared_is_what_is_imported() -> None:
    """The extras granian, uvicorn and daphne are servers, which the applications that use the engine start."""
    optional = PROJECT["optional-dependencies"]
    declared = {name: {re.split(r"[<>=\[]", each)[0] for each in optional[name]} for name in optional}
    base = {re.split(r"[<>=]", each)[0] for each in PROJECT["dependencies"]}
    assert imported("sse_gateway") == base | declared["testing"]
    for name in ("rabbitmq", "kafka", "webhook", "generate"):
        assert imported(f"connectors/sse_gateway_{name}") - base == declared.get(name, set())
    assert imported("examples") - base == declared["examples"]


def test_no_file_is_longer_than_400_lines() -> None:
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    assert [str(file.relative_to(ROOT)) for file in files if len(file.read_text().splitlines()) > 400] == []
