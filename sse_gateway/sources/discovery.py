"""The installed connectors, found by entry point. Only those that a configuration names are imported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from ..connector import Connector
from ..errors import ConfigError

GROUP = "sse_gateway.connectors"
"""The group of entry points in which a package declares `NAME = "package:Class"`. NAME is the connector's table in a source."""


def installed() -> Mapping[str, EntryPoint]:
    """The entry point of every installed connector by name, sorted. No connector is imported.

    Raises:
        ConfigError: two installed packages offer the same name.
    """
    found = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    problems = [
        f"connector {first.name} is offered by {_package(first)} and by {_package(second)}: uninstall one of them"
        for first, second in zip(found, found[1:], strict=False)
        if first.name == second.name and first.value != second.value
    ]
    if problems:
        raise ConfigError(problems)
    return {entry.name: entry for entry in found}


def connectors(names: Iterable[str]) -> dict[str, type[Connector[Any]]]:
    """The classes of those `names` that are installed. Other names are ignored: the configuration reports them. Blocks:
    call it before the event loop runs.

    Raises:
        ConfigError: the library of a connector is missing, or the class is not a connector.
    """
    offered, problems = installed(), list[str]()
    classes: dict[str, type[Connector[Any]]] = {}
    for name in sorted(set(names) & offered.keys()):
        try:
            classes[name] = _load(offered[name])
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return classes


def _load(entry: EntryPoint) -> type[Connector[Any]]:
    package = _package(entry)
    try:
        found = entry.load()
    except ImportError as error:
        extras = entry.dist.metadata.get_all("Provides-Extra", []) if entry.dist else []
        what = f"{package}[{entry.name}]" if entry.name in extras else error.name or package
        raise ConfigError([f'connector {entry.name} cannot be imported ({error}): pip install "{what}"']) from error
    if not (isinstance(found, type) and issubclass(found, Connector)):
        raise ConfigError([f"connector {entry.name}: {entry.value} of {package} is not a Connector"])
    return found


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "an unknown package"
