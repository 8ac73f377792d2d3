"""The event types: `Event`, which is strict, and the drop-in ones, which are lenient where that forges no field."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, cast

from .encoding import DEFAULT_SEPARATOR, encode_body, encode_data, encode_fields, require_separator
from .strict import Event

__all__ = ["Event", "JSONServerSentEvent", "ServerSentEvent", "encode_body", "encode_data", "ensure_bytes"]

T = TypeVar("T")

_LASTING = frozenset({type(None), str, bytes, int, float, bool})
"""Types of data that can't change: only their wire form is kept."""


class _Field(Generic[T]):
    """A field of an event, whose wire form is forgotten when it is set anew. The value is beside it, as `_name`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_{name}"

    def __get__(self, event: ServerSentEvent, owner: type) -> T:
        return cast("T", getattr(event, self._name))

    def __set__(self, event: ServerSentEvent, value: T) -> None:
        setattr(event, self._name, value)
        event._wire = None


class ServerSentEvent:
    """One event. `sep` overrides the separator of the response that sends it.

    Its wire form is made once and kept, however many responses send it, until a field is set anew. Data of a type that
    can change is encoded each time.
    """

    DEFAULT_SEPARATOR = DEFAULT_SEPARATOR

    data = _Field[Any]()
    event = _Field[str | int | None]()
    id = _Field[str | int | None]()
    retry = _Field[int | None]()
    comment = _Field[Any]()
    _wire: tuple[str, bytes] | None

    def __init__(
        self,
        data: Any = None,
        *,
        event: str | int | None = None,
        id: str | int | None = None,
        retry: int | None = None,
        comment: Any = None,
        sep: str | None = None,
    ) -> None:
        """`data` and `comment` are sent as their `str()`, a line for each of its lines; `retry` is in milliseconds.

        Raises:
            ValueError: `sep` is none of the three that end a line.
        """
        if sep is not None:
            require_separator(sep)
        self._data = data
        self._event = event
        self._id = id
        self._retry = retry
        self._comment = comment
        self._sep = sep
        self._wire = None

    @property
    def sep(self) -> str | None:
        """What ends its lines; None for the separator of the response."""
        return self._sep

    @sep.setter
    def sep(self, value: str | None) -> None:
        require_separator(value)
        self._sep = value

    def encode(self, sep: str | None = None) -> bytes:
        """Its wire form. `sep` is the response's separator, for an event that has none of its own.

        Raises:
            TypeError: `retry` is no integer, or `id` or `event` neither text nor integer.
            UnicodeEncodeError: a lone surrogate.
        """
        sep = self._sep or sep or DEFAULT_SEPARATOR
        wire = self._wire
        if wire is not None and wire[0] == sep:
            return wire[1]
        data, comment = self._data, self._comment
        encoded = encode_fields(data, self._event, self._id, self._retry, comment, sep)
        if data.__class__ in _LASTING and comment.__class__ in _LASTING:
            self._wire = sep, encoded
        return encoded


class JSONServerSentEvent(ServerSentEvent):
    """An event whose data is JSON. None is no data."""

    def __init__(
        self,
        data: Any = None,
        *,
        event: str | int | None = None,
        id: str | int | None = None,
        retry: int | None = None,
        comment: Any = None,
        sep: str | None = None,
    ) -> None:
        """`data` is anything that `json.dumps` takes.

        Raises:
            TypeError: it can't be written as JSON.
            ValueError: it holds NaN or an infinity, or `sep` is none of the three that end a line.
        """
        if data is not None:
            data = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        super().__init__(data, event=event, id=id, retry=retry, comment=comment, sep=sep)


def ensure_bytes(data: Any, sep: str) -> bytes:
    """What a stream may yield, on the wire: bytes as they are, an event object, a dict of an event's fields, or anything
    else as the text of its data. `sep` holds unless an event object has its own.

    Raises:
        TypeError: a dict has a key that is no field, or a field has a wrong type.
        UnicodeEncodeError: a lone surrogate.
    """
    return _ENCODERS.get(data.__class__, _encode_other)(data, sep)


def _encode_other(data: Any, sep: str) -> bytes:
    if isinstance(data, bytes | memoryview):
        return bytes(data)
    if isinstance(data, dict):
        return _encode_dict(data, sep)
    if isinstance(data, ServerSentEvent):
        # a subclass written for the other library has an encode() without a parameter
        return data.encode(sep) if type(data).encode is ServerSentEvent.encode else data.encode()
    return data.encode(sep) if isinstance(data, Event) else encode_fields(str(data), sep=sep)


def _encode_dict(fields: Mapping[str, Any], sep: str) -> bytes:
    if "sep" in fields:
        fields = {name: value for name, value in fields.items() if name != "sep"}
    return encode_fields(**fields, sep=sep)


_ENCODERS: dict[type, Callable[[Any, str], bytes]] = {
    bytes: lambda data, _: data,
    dict: _encode_dict,
    ServerSentEvent: ServerSentEvent.encode,
    JSONServerSentEvent: JSONServerSentEvent.encode,
    Event: Event.encode,
}
