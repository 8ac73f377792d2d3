"""From the text of a file to a configuration, or to everything that is wrong with it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from ..connector import Connector, ConnectorConfig
from ..errors import ConfigError
from .gateway import Config, Sections, conflicts
from .interpolation import Interpolation, Path
from .mounts import clashes, missing_parameters
from .problems import Problems
from .source import SourceConfig, SourceTable
from .wording import found, unknown

__all__ = ["load"]

Connectors = Mapping[str, type[Connector[Any]]]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def load(text: str, connectors: Connectors, *, environ: Mapping[str, str], file: str = "<config>") -> Config:
    """The configuration in `text`. `connectors` are those that may be named in it, their classes by name: a class is
    looked up only for a connector that is named, so the mapping may import it then.

    Raises:
        ConfigError: with a line for each thing that is wrong.
    """
    try:
        interpolation = Interpolation(environ)
        data = interpolation.apply(tomllib.loads(text))
    except RecursionError:
        raise ConfigError([f"{file}: not TOML: nested too deep"]) from None
    except ValueError as error:
        raise ConfigError([f"{file}: not TOML: {error}"]) from None
    problems = Problems(file, interpolation)
    config = _config(data, connectors, problems)
    if config is None:
        raise ConfigError(problems.lines)
    return config


def _config(data: dict[str, Any], connectors: Connectors, problems: Problems) -> Config | None:
    tables = data.pop("sources", {})
    sections = problems.validate(Sections, data, known=["sources"])
    sources = _sources(tables, connectors, problems)
    if sections is None or problems.lines:
        return None
    config = Config(**dict(sections), sources=sources)
    for path, problem in (*conflicts(config), *clashes(config, connectors), *missing_parameters(config, connectors)):
        problems.add(path, problem)
    return None if problems.lines else config


def _sources(tables: Any, connectors: Connectors, problems: Problems) -> dict[str, SourceConfig]:
    sources: dict[str, SourceConfig] = {}
    if not isinstance(tables, dict):
        problems.add(("sources",), f"found {found(tables)}, expected a table for each source, such as [sources.orders]")
        return sources
    for name, table in tables.items():
        at: Path = ("sources", name)
        if not _NAME.fullmatch(name):
            problems.add(
                at, "found a name with other characters, or too long, expected 1 to 64 letters, digits, - and _"
            )
        elif not isinstance(table, dict):
            problems.add(at, f"found {found(table)}, expected a table")
        else:
            source = _source(table, at, connectors, problems)
            sources |= {name: source} if source else {}
    return sources


def _source(table: dict[str, Any], at: Path, connectors: Connectors, problems: Problems) -> SourceConfig | None:
    named = [key for key in table if key in connectors]
    common = {key: value for key, value in table.items() if key not in named}
    strange = [key for key, value in common.items() if isinstance(value, dict) and key not in SourceTable.model_fields]
    for key in strange:
        del common[key]
        problems.add((*at, key), unknown("table", key, [*connectors, "log"]))
    fields = problems.validate(SourceTable, common, at)
    options = [_options(table[name], (*at, name), connectors, problems) for name in named]
    if len(named) + len(strange) != 1:
        problems.add(at, _one_connector(named, connectors))
    if fields is None or len(options) != 1 or options[0] is None:
        return None
    return SourceConfig.model_construct(**dict(fields), name=at[-1], connector=named[0], options=options[0])


def _options(table: Any, at: Path, connectors: Connectors, problems: Problems) -> ConnectorConfig | None:
    try:
        connector = connectors[str(at[-1])]
    except ConfigError as error:
        for problem in error.problems:
            problems.add(at, problem)
        return None
    return problems.validate(connector.Config, table, at)


def _one_connector(named: list[str], connectors: Connectors) -> str:
    if named:
        return f"found the tables of {len(named)} connectors, {' and '.join(named)}: a source has exactly one"
    return f"found no table of a connector, expected exactly one of {', '.join(sorted(connectors))}"
