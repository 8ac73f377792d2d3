"""`python -m tests.brokers install` gets what the brokers of the tests need; `missing` says what that is, if any."""

from __future__ import annotations

import sys

import click

from .install import command, install, missing


def main(arguments: list[str]) -> int:
    if arguments == ["install"]:
        install()
        return 0
    if arguments == ["missing"]:
        packages = missing()
        if packages:
            click.echo(command(packages))
        return 1 if packages else 0
    click.echo(__doc__, err=True)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
