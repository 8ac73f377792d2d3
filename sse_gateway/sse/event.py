"""The event types: `Event`, which is strict, and those that replace sse-starlette's, which are lenient where that can't forge
a field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from .wire import DEFAULT_SEPARATOR, compact, encode_fields, require_separator

T = TypeVar("T")

_MAX_RETRY = 2**31 - 1
"""Milliseconds. Browsers store the value in 32 bits."""
_LASTING = frozenset({type(None), str, bytes, int, float, bool})
"""Immutable types of data. The wire form is cached only for these."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event. It is checked when it is created, so a client receives exactly what it contains.

    Text and bytes (UTF-8) are sent as they are. Any other `data` is sent as JSON. None is no data; browsers ignore an event
    without data. `retry` is in milliseconds. `sep` overrides the separator of the response.

    Raises:
        ValueError: `id` or `event` contains a line break or NUL, `retry` is negative, boolean or too large, `sep` is not a
            line ending, or the data contains NaN, bytes that are not UTF-8 or a lone surrogate.
        TypeError: a field has a wrong type, or the data can't be written as JSON.
    """

    data: Any = None
    event: str | None = field(default=None, kw_only=True)
    id: str | int | None = field(default=None, kw_only=True)
    retry: int | None = field(default=None, kw_only=True)
    comment: str | None = field(default=None, kw_only=True)
    sep: str | None = field(default=None, kw_only=True)
    _wire: dict[str, bytes] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        require_separator(self.sep)
        _require_line("event", self.event, str)
        _require_line("id", self.id, str, int)
        if not isinstance(self.retry, int | None):
            raise TypeError(f"retry must be int, got {type(self.retry).__name__}")
        if isinstance(self.retry, bool) or not 0 <= (self.retry or 0) <= _MAX_RETRY:
            raise ValueError(f"retry must be milliseconds from 0 to {_MAX_RETRY}, got {self.retry}")
        if not isinstance(self.comment, str | None):
            raise TypeError(f"comment must be text, got {type(self.comment).__name__}")
        self._wire["\n"] = encode_fields(
            _text(self.data), event=self.event, id=self.id, retry=self.retry, comment=self.comment, sep="\n"
        )

    def encode(self, sep: str | None = None) -> bytes:
        """The event's wire form. `sep` is the separator of the response; the event's own has priority."""
        sep = self.sep or sep or DEFAULT_SEPARATOR
        wire = self._wire.get(sep)
        if wire is None:
            require_separator(sep)
            wire = self._wire[sep] = self._wire["\n"].replace(b"\n", sep.encode())
        return wire


class _Field(Generic[T]):
    """A field of an event. Setting it discards the event's cached wire form. The value is stored as `_name`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_{name}"

    def __get__(self, event: ServerSentEvent, owner: type) -> T:
        return cast("T", getattr(event, self._name))

    def __set__(self, event: ServerSentEvent, value: T) -> None:
        setattr(event, self._name, value)
        event._wire = None


class _Separator(_Field[str | None]):
    def __set__(self, event: ServerSentEvent, value: str | None) -> None:
        require_separator(value)
        super().__set__(event, value)


class ServerSentEvent:
    """One event. `sep` overrides the separator of the response that sends it.

    The wire form is cached until a field is set again, so an event that many responses send is encoded once. Data of a
    mutable type is encoded each time.
    """

    DEFAULT_SEPARATOR = DEFAULT_SEPARATOR

    data = _Field[Any]()
    event = _Field[str | int | None]()
    id = _Field[str | int | None]()
    retry = _Field[int | None]()
    comment = _Field[Any]()
    sep = _Separator()
    """What ends the event's lines. None: the separator of the response does."""
    _wire: tuple[str, bytes] | None
    _is_json = False

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
        """`data` and `comment` are sent as their `str()`, one field for each line. `retry` is in milliseconds.

        Raises:
            ValueError: `sep` is not a line ending.
        """
        require_separator(sep)
        self._data = compact(data) if self._is_json and data is not None else data
        self._event = event
        self._id = id
        self._retry = retry
        self._comment = comment
        self._sep = sep
        self._wire = None

    def encode(self, sep: str | None = None) -> bytes:
        """The event's wire form. `sep` is the separator of the response; the event's own has priority.

        Raises:
            TypeError: `retry` is not an integer, or `id` or `event` is neither text nor an integer.
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
    """An event whose data is JSON: anything that `json.dumps` accepts. None is no data.

    Raises:
        TypeError: the data can't be written as JSON.
        ValueError: the data contains NaN or an infinity, or `sep` is not a line ending.
    """

    _is_json = True


def ensure_bytes(data: Any, sep: str) -> bytes:
    """The wire form of what a stream may yield: bytes as they are, an event object, a dict of an event's fields, or anything
    else, whose `str()` becomes the data. `sep` applies unless an event object has its own.

    Raises:
        TypeError: a dict has a key that is not a field, or a field has a wrong type.
        UnicodeEncodeError: a lone surrogate.
    """
    return _ENCODERS.get(data.__class__, _encode_other)(data, sep)


def _encode_other(data: Any, sep: str) -> bytes:
    if isinstance(data, bytes | memoryview):
        return bytes(data)
    if isinstance(data, dict):
        return _encode_dict(data, sep)
    if isinstance(data, ServerSentEvent):
        # the encode() of a subclass that was written for sse-starlette has no parameter
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


def _text(data: object) -> str | None:
    if data is None or isinstance(data, str):
        return data
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data).decode()
    return compact(data)


def _require_line(name: str, value: object, *types: type) -> None:
    if value is None:
        return
    if not isinstance(value, types) or isinstance(value, bool):
        raise TypeError(f"{name} must be {' or '.join(kind.__name__ for kind in types)}, got {type(value).__name__}")
    if isinstance(value, str) and any(character in value for character in "\r\n\0"):
        raise ValueError(f"{name} must be one line without NUL")
