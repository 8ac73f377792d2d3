"""The broker's jars: resolved by Maven from `pom.xml`, kept in `.cache/kafka` of the tree, fetched once per pom."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

_POM = Path(__file__).with_name("pom.xml")
JARS = Path(__file__).parents[3] / ".cache" / "kafka"
_MARK = JARS / "pom.sha256"

# What Kafka 4 needs at least (its compatibility page); Debian 12 has 17.
_JAVA = 17


def version() -> str:
    """The version of Kafka that the pom names."""
    found = re.search(r"<kafka.version>(.+)</kafka.version>", _POM.read_text())
    assert found is not None
    return found[1]


def missing() -> list[str]:
    """What keeps a broker from being started on this machine, as Debian packages; the jars need Maven only once."""
    packages = [] if _java_version() >= _JAVA else ["default-jre-headless"]
    if not fetched() and shutil.which("mvn") is None:
        packages.append("maven")
    return packages


def fetched() -> bool:
    """Are the jars that the pom names there, all of them?"""
    return _MARK.exists() and _MARK.read_text() == _digest()


def fetch() -> None:
    """Copy the jars (44 MB) into the cache. Raises CalledProcessError when Maven fails."""
    shutil.rmtree(JARS, ignore_errors=True)
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={JARS}"]
    subprocess.run(["mvn", "-q", "-B", "-Dstyle.color=never", "-f", str(_POM), *goal], check=True)
    _MARK.write_text(_digest())


def _digest() -> str:
    return hashlib.sha256(_POM.read_bytes()).hexdigest()


def _java_version() -> int:
    if shutil.which("java") is None:
        return 0
    text = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', text)
    return int(found[1]) if found else 0
