"""The tables `[[routes]]`: the URLs at which channels are served."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from starlette.routing import compile_path

from ..connector import Strings
from .table import RouteChannel, Table

__all__ = ["RouteConfig", "pattern"]

_PARAMETER = re.compile(r"\{[A-Za-z_]\w*(:\w+)?\}", re.ASCII)


class RouteConfig(Table):
    """`[[routes]]`: a path of the public server that serves one channel or several."""

    path: str = Field(description='The path, such as "/events/orders/{id}"; {name:int} takes numbers only.')
    channels: Annotated[tuple[RouteChannel, ...], Field(strict=False, min_length=1)] = Field(
        description="The channels that it serves, as templates over {path.NAME} and {query.NAME}."
    )
    repeated: Strings = Field(
        default=(), description="Query parameters that may come several times: one channel for each value."
    )
    busy: Literal["retry", "status"] = Field(
        default="retry",
        description='What a client gets that can\'t be served now: "retry", a stream that asks it to come back, or "status", '
        "503 or 429, after which an EventSource gives up for ever.",
    )

    @field_validator("path")
    @classmethod
    def _is_a_route(cls, path: str) -> str:
        if not path.startswith("/"):
            raise ValueError('expected a path that begins with "/"')
        try:
            compile_path(path)
        except (AssertionError, ValueError) as error:
            raise ValueError(str(error)) from None
        literal = _PARAMETER.sub("", path)
        if re.search("[{}]", literal):
            raise ValueError("expected a name in each pair of braces, such as {id} or {id:int}")
        if re.search(r"[?#\s]", literal):
            raise ValueError("expected a path without query and spaces, or no request would fit")
        return path

    @model_validator(mode="after")
    def _parameters_exist(self) -> Self:
        names = [name for channel in self.channels for name in channel.names]
        for name in names:
            if name.startswith("path.") and name.removeprefix("path.") not in self.parameters:
                raise ValueError(f"{{{name}}} in channels is no parameter of the path {self.path}")
        for name in self.repeated:
            if f"query.{name}" not in names:
                raise ValueError(f"repeated names {name}, but no channel has {{query.{name}}}")
        return self

    @property
    def parameters(self) -> frozenset[str]:
        """The parameters of the path."""
        return frozenset(compile_path(self.path)[2])

    @property
    def pattern(self) -> str:
        """The path without the names of its parameters: two routes with the same one would hide each other."""
        return pattern(self.path)


def pattern(path: str) -> str:
    """A path without the names of its parameters."""
    return _PARAMETER.sub(lambda match: "{" + (match[1] or ":str") + "}", path)
