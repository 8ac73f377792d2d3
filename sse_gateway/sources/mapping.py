"""From a message to an event: its channel, type, id and data, as `[sources.NAME]` says."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..config import SourceConfig
from ..connector import Message
from ..core import Event
from ..errors import Unmappable
from ..templates import CHANNEL, MissingField, Template

REASONS = ("field", "json", "channel", "type", "encoding", "size")
"""Why a message can't become an event: a template has no value; a template looks into a body that is not JSON; the rest is
what was wrong with it."""

_RESERVED = "gateway."
_DELETE = "delete"
_MAX_TYPE = 200

OnInvalid = Literal["drop", "replace", "base64"]

_STRING_OR_SPACE = re.compile(r'("(?:[^"\\]|\\.)*")|[ \t\n\r]+')


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")  # though Python's own reader takes NaN and Infinity


def parse(body: bytes | str) -> Any:
    """The value of a JSON text in UTF-8. Raises ValueError for anything else, NaN and nesting beyond reason
    included."""
    text = body if isinstance(body, str) else body.decode()
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _validated(body: bytes) -> bytes:
    body.decode()
    return body


def _compacted(body: bytes) -> bytes:
    # by taking out the white space, not by writing the value anew: numbers and escapes stay as the producer wrote them
    text = body.decode()
    parse(text)
    return _STRING_OR_SPACE.sub(r"\1", text).encode()


def _quoted(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Encoding:
    """One way to write a body as text: `write` raises ValueError where it is not of the kind, `substitute` writes what
    is put in its place, so that whoever expects JSON gets JSON."""

    write: Callable[[bytes], bytes]
    substitute: Callable[[str], bytes]

    def encode(self, body: bytes | str, on_invalid: OnInvalid) -> tuple[bytes, bool]:
        """The data of the event, and whether it had to be substituted.

        Raises:
            Unmappable: the body is not of the kind, and `on_invalid` drops it.
        """
        raw = (
            body if isinstance(body, bytes) else body.encode(errors="surrogatepass")
        )  # a JSON escape may be half a pair
        try:
            return self.write(raw), False
        except ValueError as error:
            if on_invalid == "drop":
                raise Unmappable("encoding", str(error)) from error
        text = raw.decode(errors="replace") if on_invalid == "replace" else base64.b64encode(raw).decode()
        return self.substitute(text), True


ENCODINGS = {
    "text": Encoding(_validated, str.encode),
    "json": Encoding(_compacted, _quoted),
    "base64": Encoding(base64.b64encode, str.encode),
}
"""By their names in the configuration."""


class Mapper:
    """The mapping of one source, compiled once."""

    def __init__(self, source: SourceConfig) -> None:
        self._source = source.name
        self._channel = source.channel
        self._event = source.event
        self._id = source.id
        self._data = source.data
        self._encoding: Encoding = ENCODINGS[source.encoding]
        self._on_invalid = source.on_invalid
        self._max_event = source.max_event
        templates = (source.channel, source.event, source.id, source.data)
        self._needs_json = any(template is not None and template.needs_json for template in templates)

    def map(self, message: Message) -> tuple[Event, bool]:
        """The event of one message, and whether its data is a substitute, as `on_invalid` says.

        Raises:
            Unmappable: with one of REASONS.
        """
        fields = self._fields(message)
        channel = self._render(self._channel, fields)
        if CHANNEL.fullmatch(channel) is None:
            raise Unmappable(
                "channel", "the channel's name has other characters than A-Z a-z 0-9 . _ : ~ @ = + - or over 200"
            )
        type_ = _DELETE if message.deleted else self._type(fields)
        data, substituted = self._encode(message, fields)
        if len(data) > self._max_event:
            raise Unmappable("size", f"{len(data)} bytes of data, max_event is {self._max_event}")
        return Event(channel, data, type_, message.key, self._message_id(message, fields)), substituted

    def _fields(self, message: Message) -> Mapping[str, Any]:
        fields: dict[str, Any] = {
            "key": message.key,
            "headers": message.headers,
            "path": message.path,
            "source": self._source,
            "timestamp": message.timestamp,
        }
        if self._needs_json and not message.deleted:
            try:
                fields["json"] = parse(message.body)
            except ValueError as error:
                raise Unmappable("json", f"a template looks into the body, which is not JSON: {error}") from error
        return fields

    def _render(self, template: Template, fields: Mapping[str, Any]) -> str:
        try:
            return template.render(fields)
        except MissingField as missing:
            raise Unmappable("field", str(missing)) from missing

    def _encode(self, message: Message, fields: Mapping[str, Any]) -> tuple[bytes, bool]:
        if message.deleted:
            return message.key.encode(errors="replace"), False
        text = message.body if self._data is None else self._render(self._data, fields)
        return self._encoding.encode(text, self._on_invalid)

    def _type(self, fields: Mapping[str, Any]) -> str:
        type_ = "" if self._event is None else self._render(self._event, fields)
        if type_.startswith(_RESERVED):
            raise Unmappable("type", f"event types that begin with {_RESERVED} are the gateway's own")
        if len(type_) > _MAX_TYPE or not type_.isprintable():  # a line break would end the field and begin another
            raise Unmappable("type", f"the event type is over {_MAX_TYPE} characters or has some that can't be printed")
        return type_

    def _message_id(self, message: Message, fields: Mapping[str, Any]) -> str | None:
        found = message.id if self._id is None else self._render(self._id, fields)
        # a JSON escape may leave half a surrogate pair, which no hash takes
        return found if found is None or found.isascii() else found.encode(errors="replace").decode()
