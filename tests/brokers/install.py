"""Getting what the brokers need: Debian packages by apt, Kafka's jars by Maven."""

from __future__ import annotations

import os
import shutil
import subprocess

import click

from . import rabbitmq
from .kafka import jars

__all__ = ["command", "install", "missing"]


def missing() -> list[str]:
    """The Debian packages that this machine lacks for both brokers."""
    return [*rabbitmq.missing(), *jars.missing()]


def command(packages: list[str]) -> str:
    """The one command that installs `packages`, for people who are not root."""
    return f"sudo apt-get install -y --no-install-recommends {' '.join(packages)}"


def install() -> None:
    """Install what is missing: packages if we are root on a Debian system, and the jars. What can't be had is said in
    one line and is no failure: the tests that need it are skipped.

    Raises:
        CalledProcessError: apt or Maven failed.
    """
    packages = missing()
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        _apt("update", "-q")
        _apt("install", "-q", "-y", "--no-install-recommends", *packages)
    elif packages:
        click.echo(f"some tests will be skipped; to have them run: {command(packages)}")
    if not jars.fetched() and shutil.which("mvn"):
        click.echo(f"fetching Apache Kafka {jars.version()} (44 MB) into {jars.JARS}")
        jars.fetch()


def _apt(*arguments: str) -> None:
    subprocess.run(["apt-get", *arguments], check=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
