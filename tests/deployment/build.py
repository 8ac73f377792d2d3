"""The image without a container engine: the build stage's steps, run in an empty folder that stands for `/`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from .dockerfile import ROOT, Dockerfile, Instruction, Stage

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
