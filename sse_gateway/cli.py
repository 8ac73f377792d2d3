"""The command line: serve, check, alive, schema and connectors."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .errors import ConfigError

if TYPE_CHECKING:
    # Each command imports what it needs, so that --help and --version answer at once.
    from .config import Config
    from .connector import Connector

_ALIVE_TIMEOUT = 3.0
"""Seconds that `alive` waits for an answer. Health checks wait longer than that for `alive`, so it can print what is wrong."""
_FILE = click.argument("file", type=click.Path(path_type=Path), default="gateway.toml")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sse-gateway", prog_name="sse-gateway", message="%(prog)s %(version)s")
def main() -> None:
    """Serve messages from queues and webhooks to browsers as Server-Sent Events."""


@main.command()
@_FILE
def serve(file: Path) -> None:
    """Run the gateway that FILE configures.

    FILE is gateway.toml by default. On SIGTERM or SIGINT the gateway drains its clients and exits.
    """
    with _clear_errors():
        config = _load(file)
        from .app import serve

        serve(config)


@main.command()
@_FILE
def check(file: Path) -> None:
    """List every mistake in FILE, without connecting anywhere.

    FILE is gateway.toml by default. Exit with 1 if there is a mistake.
    """
    with _clear_errors():
        _load(file)
    click.echo(f"{file}: ok")


@main.command()
@_FILE
def alive(file: Path) -> None:
    """Ask the gateway that FILE configures if it is alive.

    FILE is gateway.toml by default. Exit with 1 if it is not.
    """
    from http.client import HTTPConnection, HTTPException

    with _clear_errors():
        admin = _load(file).admin
    # On Linux a connection to "0.0.0.0" or "::" reaches this machine.
    connection = HTTPConnection(admin.host, admin.port, timeout=_ALIVE_TIMEOUT)
    try:
        connection.request("GET", "/livez")
        answer = str(connection.getresponse().status)
    except (OSError, HTTPException) as error:
        answer = f"no answer: {error}"
    finally:
        connection.close()
    click.echo(f"/livez of {admin.host} port {admin.port}: {answer}")
    sys.exit(answer != "200")


@main.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file.

    It includes the tables of the installed connectors.
    """
    from .config import json_schema

    click.echo(json.dumps(json_schema(dict(_importable())), indent=2))


@main.command()
def connectors() -> None:
    """List the installed connectors with their options."""
    from .config import options

    for name, connector in _importable():
        click.echo(f"[sources.NAME.{name}]\n{(connector.Config.__doc__ or '').strip()}\n")
        for option in options(connector.Config):
            click.echo(f"  {option.key} = {option.default}  ({option.type})\n      {option.description}")
        click.echo()


class _Installed(Mapping[str, "type[Connector[Any]]"]):
    """The installed connectors by name. Each is imported when it is looked up, since a file names few of them."""

    def __init__(self) -> None:
        from .sources import discovery

        self._discovery = discovery
        self._names = tuple(discovery.installed())

    def __getitem__(self, name: str) -> type[Connector[Any]]:
        return self._discovery.connectors([name])[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _importable() -> Iterator[tuple[str, type[Connector[Any]]]]:
    """The installed connectors whose libraries are installed. Errors of the others are printed on standard error."""
    installed = _Installed()
    for name in installed:
        try:
            yield name, installed[name]
        except ConfigError as error:
            click.echo(str(error), err=True)


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Print a line for each problem in the configuration, instead of a traceback."""
    try:
        yield
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(1)


def _load(file: Path) -> Config:
    from .config import load

    try:
        text = file.read_bytes().decode("utf-8-sig")  # some editors on Windows write a byte order mark
    except OSError as error:
        raise ConfigError([f"{file}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{file}: not TOML: byte {error.start + 1} is not UTF-8"]) from None
    config = load(text, _Installed(), environ=os.environ, file=str(file))
    for warning in config.warnings():
        click.echo(f"{file}: warning: {warning}", err=True)
    return config
