"""What all tables of the configuration have in common: strictness, arrays, templates and names."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from ..template import Template

__all__ = ["CHANNEL", "ChannelTemplate", "DataTemplate", "RouteChannel", "Table", "TextTemplate"]

CHANNEL = re.compile(r"[A-Za-z0-9._:~@=+-]{1,200}")
"""A channel's name: what needs no escaping in a URL, an event id or a log line, so that no header can invent another."""

_MESSAGE = ("key", "source", "timestamp", "headers.", "json.", "path.")
_REQUEST = ("path.", "query.")


class Table(BaseModel):
    """A table of the file: strict, frozen, unknown keys refused. Each field has a `description`."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        hide_input_in_errors=True,
        validate_default=True,
        arbitrary_types_allowed=True,
    )


def _channel(value: object) -> object:
    return _channel_template(value, _MESSAGE)


def _route_channel(value: object) -> object:
    return _channel_template(value, _REQUEST)


def _channel_template(value: object, allowed: tuple[str, ...]) -> object:
    if not isinstance(value, str):
        return value
    template = Template(value, allowed)
    text = "".join(template.literals)
    if not template.text or (text and not CHANNEL.fullmatch(text)):
        raise ValueError("expected 1 to 200 letters, digits and ._:~@=+- beside its fields, as a channel's name is")
    return template


def _text(value: object) -> object:
    return Template(value, _MESSAGE) if isinstance(value, str) else value


def _data(value: object) -> object:
    return Template(value, (*_MESSAGE, "json"), composite=True) if isinstance(value, str) else value


_AS_STRING = WithJsonSchema({"type": "string", "examples": ["orders.{key}"]})

ChannelTemplate = Annotated[Template, BeforeValidator(_channel), _AS_STRING]
"""A channel's name over the fields of a message."""

TextTemplate = Annotated[Template, BeforeValidator(_text), _AS_STRING]
"""One line of text over the fields of a message."""

DataTemplate = Annotated[Template, BeforeValidator(_data), _AS_STRING]
"""Text over the fields of a message, objects and arrays of its JSON among them."""

RouteChannel = Annotated[Template, BeforeValidator(_route_channel), _AS_STRING]
"""A channel's name over the path and the query of a request."""
