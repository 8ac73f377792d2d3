"""The mapping of messages to events: channel, type, id and data, as `[sources.NAME]` configures them."""

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
from ..templates import CHANNEL, MissingField

REASONS = ("field", "json", "channel", "type", "encoding", "size")
"""Why a message can't become an event: `field`, a template finds no value; `json`, a template needs a JSON body and the body
is not JSON; the others name the part that is not valid."""

_RESERVED = "gateway."
_DELETE = "delete"
_MAX_TYPE = 200

OnInvalid = Literal["drop", "replace", "base64"]

_STRING_OR_SPACE = re.compile(r'("(?:[^"\\]|\\.)*")|[ \t\n\r]+')


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")  # json.loads accepts NaN and Infinity otherwise


def parse(body: bytes | str) -> Any:
    """The value of a JSON text in UTF-8. Raises ValueError for anything else, also for NaN and for nesting that Python
    can't read."""
    try:
        return json.loads(body if isinstance(body, str) else body.decode(), parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _validated(body: bytes) -> bytes:
    body.decode()
    return body


def _compacted(body: bytes) -> bytes:
    # White space is removed from the text itself, so numbers and escapes stay as the producer wrote them.
    text = body.decode()
    parse(text)
    return _STRING_OR_SPACE.sub(r"\1", text).encode()


def _quoted(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Encoding:
    """One value of `encoding`. `write` makes data of a body and raises ValueError if the body is not valid. `substitute`
    writes the text that replaces such a body: with "json" it is JSON too."""

    write: Callable[[bytes], bytes]
    substitute: Callable[[str], bytes]

    def encode(self, body: bytes | str, on_invalid: OnInvalid) -> tuple[bytes, bool]:
        """The data of the event, and whether it had to be substituted.

        Raises:
            Unmappable: the body is not valid, and `on_invalid` is "drop".
        """
        # A JSON escape may be half of a surrogate pair.
        raw = body if isinstance(body, bytes) else body.encode(errors="surrogatepass")
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
"""By the value of `encoding`."""


class Mapper:
    """The mapping of one source."""

    def __init__(self, source: SourceConfig) -> None:
        self._source = source
        self._encoding = ENCODINGS[source.encoding]
        templates = (source.channel, source.event, source.id, source.data)
        self._needs_json = any(template is not None and template.needs_json for template in templates)

    def map(self, message: Message) -> tuple[Event, bool]:
        """The event of a message, and whether its data is a substitute, as `on_invalid` says.

        Raises:
            Unmappable: with one of REASONS.
        """
        fields = self._fields(message)
        try:
            channel = self._source.channel.render(fields)
            if CHANNEL.fullmatch(channel) is None:
                raise Unmappable(
                    "channel", "the name of a channel has 1 to 200 characters, of A-Z a-z 0-9 . _ : ~ @ = + -"
                )
            type_ = _DELETE if message.deleted else self._type(fields)
            data, substituted = self._data(message, fields)
            if len(data) > self._source.max_event:
                raise Unmappable("size", f"{len(data)} bytes of data, max_event is {self._source.max_event}")
            return Event(channel, data, type_, message.key, self._id(message, fields)), substituted
        except MissingField as missing:
            raise Unmappable("field", str(missing)) from missing

    def _fields(self, message: Message) -> Mapping[str, Any]:
        fields: dict[str, Any] = {
            "key": message.key,
            "headers": message.headers,
            "path": message.path,
            "source": self._source.name,
            "timestamp": message.timestamp,
        }
        if self._needs_json and not message.deleted:
            try:
                fields["json"] = parse(message.body)
            except ValueError as error:
                raise Unmappable("json", f"a template needs a JSON body, and the body is not JSON: {error}") from error
        return fields

    def _type(self, fields: Mapping[str, Any]) -> str:
        type_ = "" if self._source.event is None else self._source.event.render(fields)
        if type_.startswith(_RESERVED):
            raise Unmappable("type", f"event types that begin with {_RESERVED} are reserved for the gateway")
        if len(type_) > _MAX_TYPE or not type_.isprintable():  # a line break would end the field and begin another
            raise Unmappable("type", f"the event type is over {_MAX_TYPE} characters or has some that can't be printed")
        return type_

    def _data(self, message: Message, fields: Mapping[str, Any]) -> tuple[bytes, bool]:
        if message.deleted:
            return message.key.encode(errors="replace"), False
        body = message.body if self._source.data is None else self._source.data.render(fields)
        return self._encoding.encode(body, self._source.on_invalid)

    def _id(self, message: Message, fields: Mapping[str, Any]) -> str | None:
        found = message.id if self._source.id is None else self._source.id.render(fields)
        # A JSON escape may leave half of a surrogate pair, which can't be hashed.
        return found if found is None or found.isascii() else found.encode(errors="replace").decode()
