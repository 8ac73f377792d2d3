"""Loads a configuration from the text of a file, or lists every mistake in it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from ..connector import ConnectorConfig
from ..errors import ConfigError, InvalidValue
from .conflicts import Connectors, Path, conflicts
from .report import Report, unknown
from .tables import Config, Sections, SourceConfig, SourceTable

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_REFERENCE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?")


def load(text: str, connectors: Connectors, *, environ: Mapping[str, str], file: str = "<config>") -> Config:
    """The configuration in `text`. `connectors` has the class of each connector that may be named in it. A class is looked
    up only if its connector is named, so the mapping may import it then.

    Raises:
        ConfigError: with a line for each problem.
    """
    interpolation = Interpolation(environ)
    try:
        data = interpolation.apply(tomllib.loads(text))
    except RecursionError:
        raise ConfigError([f"{file}: not TOML: nested too deep"]) from None
    except ValueError as error:
        raise ConfigError([f"{file}: not TOML: {error}"]) from None
    report = Report(file, data, interpolation.origins, interpolation.problems)
    sections = report.validate(Sections, (), without=["sources"], known=["sources"])
    sources = _sources(data.get("sources", {}), connectors, report)
    if sections is None or report.lines:
        raise ConfigError(report.lines)
    config = Config(**dict(sections), sources=sources)
    for path, conflict in conflicts(config, connectors):
        report.refuse(path, conflict)
    if report.lines:
        raise ConfigError(report.lines)
    return config


class Interpolation:
    """Replaces references to variables in the strings of a parsed file, and records where. Their values are never shown."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.origins: dict[Path, dict[str, str]] = {}
        """For each value with references, such as "${PORT}", the text that replaced each of them."""
        self.problems: list[tuple[Path, str]] = []

    def apply(self, value: Any, path: Path = ()) -> Any:
        """`value` with all references in its strings replaced. `$${` is an escape for `${`. As in a shell, the default
        replaces a variable that is unset or empty. Missing variables and malformed references are added to `problems`."""
        if isinstance(value, dict):
            return {key: self.apply(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.apply(item, (*path, index)) for index, item in enumerate(value)]
        if isinstance(value, str):
            return _REFERENCE.sub(lambda match: self._replacement(match, path), value)
        return value

    def _replacement(self, match: re.Match[str], path: Path) -> str:
        name, default = match[1], match[2]
        if match[0] == "$${":
            return "${"
        if name is None:
            self.problems.append((path, "found ${ without a name and }, expected ${NAME}; ${ itself is written $${"))
            return ""
        value = self._environ.get(name)
        if value is None and default is None:
            self.problems.append((path, f"the variable {name} is not set; set it, or write ${{{name}:-default}}"))
        replacement = value or default or ""
        self.origins.setdefault(path, {})[f"${{{name}}}"] = replacement
        return replacement


def _sources(tables: Any, connectors: Connectors, report: Report) -> dict[str, SourceConfig]:
    sources: dict[str, SourceConfig] = {}
    if not isinstance(tables, dict):
        report.refuse(("sources",), InvalidValue("expected a table for each source, such as [sources.orders]"))
        return sources
    for name, table in tables.items():
        at: Path = ("sources", name)
        if not _NAME.fullmatch(name):
            report.line(at, "the name of a source has 1 to 64 letters, digits, - and _")
        elif not isinstance(table, dict):
            report.refuse(at, InvalidValue("expected a table"))
        else:
            source = _source(table, at, connectors, report)
            sources |= {name: source} if source else {}
    return sources


def _source(table: dict[str, Any], at: Path, connectors: Connectors, report: Report) -> SourceConfig | None:
    named = [key for key in table if key in connectors]
    strange = [
        key
        for key, value in table.items()
        if isinstance(value, dict) and key not in SourceTable.model_fields and key not in named
    ]
    for key in strange:
        report.line((*at, key), unknown("table", key, [*connectors, "log"]))
    fields = report.validate(SourceTable, at, without=[*named, *strange])
    options = [_options((*at, name), connectors, report) for name in named]
    if len(named) > 1:
        report.line(at, f"it has the tables of {len(named)} connectors, {' and '.join(named)}; expected exactly one")
    elif not named and not strange:
        report.line(at, f"missing: the table of its connector, exactly one of {', '.join(sorted(connectors))}")
    if fields is None or len(options) != 1 or options[0] is None:
        return None
    return SourceConfig.model_construct(**dict(fields), name=at[-1], connector=named[0], options=options[0])


def _options(at: Path, connectors: Connectors, report: Report) -> ConnectorConfig | None:
    try:
        connector = connectors[str(at[-1])]
    except ConfigError as error:
        for problem in error.problems:
            report.line(at, problem)
        return None
    return report.validate(connector.Config, at)
