"""What the brokers need: Debian packages, and Kafka's jars by Maven."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Final

import click

from . import rabbitmq
from .kafka import jars

AMQP_VARIABLE: Final = "SSE_GATEWAY_TEST_AMQP_URL"
KAFKA_VARIABLE: Final = "SSE_GATEWAY_TEST_KAFKA"


def missing() -> list[str]:
    """The Debian packages that this machine lacks for the brokers that no variable names a server of the user's for."""
    ours = [] if os.environ.get(AMQP_VARIABLE) else rabbitmq.missing()
    return ours if os.environ.get(KAFKA_VARIABLE) else [*ours, *jars.missing()]


def command(packages: list[str]) -> str:
    """The one command that installs `packages`, for people who are not root."""
    return f"sudo apt-get install -y --no-install-recommends {' '.join(packages)}"


def fetch() -> None:
    """Fetch Kafka's jars if they are needed and not there. That they can't be had is said in one line and is no failure:
    the tests that need them are skipped."""
    if os.environ.get(KAFKA_VARIABLE) or jars.fetched() or not shutil.which("mvn"):
        return
    click.echo(f"fetching Apache Kafka {jars.version()} (44 MB) into {jars.JARS}")
    try:
        jars.fetch()
    except subprocess.CalledProcessError as error:
        click.echo(f"Apache Kafka could not be had, so the tests that need it are skipped: {error}", err=True)
