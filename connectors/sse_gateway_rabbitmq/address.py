"""Where a broker is and who we are there, as an AMQP URL says it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from sse_gateway.connector import InvalidValue

__all__ = ["Address"]

_PORTS = {"amqp": 5672, "amqps": 5671}
_EXAMPLE = "amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps:// for TLS"


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of an AMQP URL, unquoted."""

    host: str
    port: int
    vhost: str
    tls: bool
    username: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def place(self) -> str:
        """What may be shown to people: host, port and virtual host."""
        return f"{self.host}:{self.port} (virtual host {self.vhost!r})"

    @classmethod
    def parse(cls, url: str) -> Address:
        """Raises InvalidValue. Its words quote nothing of the URL, since that holds a password."""
        parts = _split(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise InvalidValue(f"expected {_EXAMPLE}")
        if parts.query or parts.fragment:
            raise InvalidValue(
                'the part after "?" or "#" is not read: write options into the table, and "%3F" or "%23"'
            )
        return cls(
            host=parts.hostname,
            port=parts.port or _PORTS[parts.scheme],
            vhost=unquote(parts.path[1:]) or "/",
            tls=parts.scheme == "amqps",
            username=unquote(parts.username or "guest"),
            password=unquote(parts.password or "guest"),
        )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - the property checks the number, and only when it is asked
    except ValueError:
        raise InvalidValue(
            f'expected {_EXAMPLE}; "/", "@" and ":" in a password are written %2F, %40 and %3A'
        ) from None
    return parts
