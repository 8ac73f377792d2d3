"""What connectors of a client library share: TLS, the translation of errors, an inbox for callbacks, and positions."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Generic, Self, TypeVar

import anyio
from anyio import to_thread
from pydantic import SecretStr, model_validator

from ..core.ids import base36
from ..errors import InvalidValue, SourceUnavailable
from ..units import parse_duration
from .contract import ConnectorConfig

ItemT = TypeVar("ItemT")


class TlsConfig(ConnectorConfig):
    """The table `tls` of a connector. The files are read at every attempt to connect, so they can be renewed."""

    ca: str | None = None
    """PEM file of the authorities to trust; without it, the system's."""
    certificate: str | None = None
    """PEM file of the client certificate and its chain, if the broker asks for one."""
    key: str | None = None
    """PEM file of the key; without it, the key is in `certificate`."""
    key_password: SecretStr | None = None
    """Password of the key."""
    verify: bool = True
    """Check the broker's certificate and name. Use false only for trying out."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.certificate is None and (self.key is not None or self.key_password is not None):
            raise InvalidValue('key and key_password need certificate = "..."')
        return self


async def tls_context(config: TlsConfig) -> ssl.SSLContext:
    """The context of one attempt to connect. Reads the files, in a thread.

    Raises:
        SourceUnavailable: a file can't be used; names the options.
    """
    return await to_thread.run_sync(_context, config)


def _context(config: TlsConfig) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=config.ca)
    except OSError as error:  # ssl.SSLError is one
        raise SourceUnavailable(f"tls.ca = {config.ca!r}: {error}") from error
    if config.certificate is not None:
        # never None: OpenSSL would then ask for the password at the terminal, and wait
        password = config.key_password.get_secret_value() if config.key_password else ""
        try:
            context.load_cert_chain(config.certificate, config.key, password)
        except OSError as error:
            raise SourceUnavailable(
                f"tls.certificate = {config.certificate!r}, tls.key = {config.key!r}: {error}"
            ) from error
    if not config.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Translation:
    """A connector's one table of what its library raises and what that means. As a context manager around calls of the
    library, it turns what they raise into SourceUnavailable:

        translated = Translation([(TimeoutError, "no answer in time"), (OSError, "no connection ({})")])

        with translated("cannot read orders"):
            await client.fetch()

    The first class that matches counts, so a subclass comes before its base. In a text, `{}` is the text of the error (the
    name of its class if it has none), and `{detail}` is the same after a colon, or nothing. An error that is not in the
    table is not translated: the gateway treats it as a bug.

    Some libraries cancel everything that waits for an answer when a connection ends. If `asyncio.CancelledError` is in the
    table, it is translated too, unless the task itself is being cancelled.
    """

    def __init__(self, meanings: Sequence[tuple[type[BaseException], str]]) -> None:
        self._meanings = meanings
        self._kinds = tuple(kind for kind, _ in meanings)

    def explain(self, error: BaseException) -> str:
        """What `error` means, in one line; the text of the error if it is not in the table."""
        text = next((text for kind, text in self._meanings if isinstance(error, kind)), "{}")
        said = str(error)
        return text.format(said or type(error).__name__, detail=f": {said}" if said else "")

    @contextmanager
    def __call__(self, doing: str) -> Iterator[None]:
        """Translate what is raised within the block. The text begins with `doing`.

        Raises:
            SourceUnavailable: an error of the table was raised.
        """
        try:
            yield
        except self._kinds as error:
            if isinstance(error, asyncio.CancelledError):
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
            raise SourceUnavailable(f"{doing}: {self.explain(error)}") from error


class Inbox(Generic[ItemT]):
    """Holds what a library's callbacks deliver over one connection, in order, until `receive` takes it, and the reason why
    the line was lost.

    `put` and `lose` are called by the callbacks and never wait. One task, the one that receives, awaits `arrival`. What
    arrived before the line was lost can be taken before `arrival` raises. The inbox has no bound: limit it by the library's
    prefetch or window.
    """

    def __init__(self) -> None:
        self.lost: str | None = None
        """Why the line is lost; None while it is not."""
        self._items: list[ItemT] = []
        self._arrived = anyio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: ItemT) -> None:
        """`item` has arrived."""
        self._items.append(item)
        self._arrived.set()

    def lose(self, reason: str) -> None:
        """The line is lost. Of several reasons the first one is kept, because the others follow from it."""
        self.lost = self.lost or reason
        self._arrived.set()

    async def arrival(self) -> None:
        """Wait until there is something to take. Cancelling it loses nothing.

        Raises:
            SourceUnavailable: the line is lost and everything is taken.
        """
        while not self._items:
            if self.lost is not None:
                raise SourceUnavailable(self.lost)
            self._arrived = anyio.Event()
            await self._arrived.wait()

    def take(self, most: int | None = None) -> list[ItemT]:
        """What has arrived, in order, at most `most` items; an empty list if nothing has."""
        taken = self._items[:most]
        del self._items[:most]
        return taken


def digest36(*parts: str, length: int = 8) -> str:
    """A hash of `parts` as `length` characters of base 36, 8 at most: equal on every replica and in every version. Use it as
    an `epoch`, or as the name of a partition whose own name is too long for an event id."""
    number = int.from_bytes(blake2b("\n".join(parts).encode(), digest_size=8).digest())
    return base36(number).rjust(length, "0")[-length:]


def parse_start(value: object, *names: str, offsets: bool = False) -> str | int | datetime | timedelta:
    """Where a reader begins, as it is configured: one of the upstream's own `names`, a time with its zone
    (2026-01-31T12:00:00Z), a duration back from now ("10m"), or, with `offsets`, an offset.

    Raises:
        InvalidValue: it is none of these. The text lists them.
    """
    if isinstance(value, str) and value not in names:
        value = _parse(value, offsets=offsets)
    if isinstance(value, datetime) and value.tzinfo is None:
        raise InvalidValue('a time needs its zone, as the "Z" of 2026-01-31T12:00:00Z')
    if isinstance(value, str | datetime | timedelta):
        return value
    if offsets and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    known = ", ".join(f'"{name}"' for name in names) + (", an offset" if offsets else "")
    raise InvalidValue(f'expected {known}, a time with its zone such as 2026-01-31T12:00:00Z, or "10m" back')


def _parse(text: str, *, offsets: bool) -> int | datetime | timedelta | None:
    if offsets and text.isascii() and text.isdecimal():
        return int(text)
    for parse in (lambda text: timedelta(seconds=parse_duration(text)), datetime.fromisoformat):
        try:
            return parse(text)
        except ValueError:
            continue
    return None
