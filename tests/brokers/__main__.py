"""`python -m tests.brokers missing` says which Debian packages the brokers of the tests need, if any; `fetch` gets Kafka."""

from __future__ import annotations

import sys

import click

from .install import fetch, missing


def main(arguments: list[str]) -> int:
    if arguments == ["missing"]:
        click.echo(" ".join(missing()))
        return 0
    if arguments == ["fetch"]:
        fetch()
        return 0
    click.echo(__doc__, err=True)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
