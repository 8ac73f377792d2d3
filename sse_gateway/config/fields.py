"""What a model says about a key: its table, its description, whether it is a secret."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr

from .interpolation import Path

__all__ = ["description", "is_secret", "table_at"]


def table_at(model: type[BaseModel] | None, path: Path) -> type[BaseModel] | None:
    """The model of the table at `path`, if it has one."""
    for part in path:
        if model and isinstance(part, str):
            field = model.model_fields.get(part)
            model = next(_models(field.annotation), None) if field else None
    return model


def description(model: type[BaseModel], path: Path) -> str:
    """What the key at `path` is for."""
    field = _field(model, path)
    return (field.description if field else None) or "a value is needed"


def is_secret(model: type[BaseModel], path: Path) -> bool:
    """Whether the key at `path`, or one that it belongs to, holds a secret."""
    fields = [_field(model, path[: depth + 1]) for depth, part in enumerate(path) if isinstance(part, str)]
    return any(_mentions_secret(field.annotation) for field in fields if field)


def _field(model: type[BaseModel], path: Path) -> typing.Any:
    table = table_at(model, path[:-1])
    return table.model_fields.get(str(path[-1])) if table and path else None


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models(argument)


def _mentions_secret(annotation: Any) -> bool:
    return annotation in (SecretStr, SecretBytes) or any(map(_mentions_secret, typing.get_args(annotation)))
