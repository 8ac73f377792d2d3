"""TLS with an upstream: the table of a configuration, and the context of one attempt to connect."""

from __future__ import annotations

import ssl
from typing import Self

from anyio import to_thread
from pydantic import SecretStr, model_validator

from ..errors import InvalidValue, SourceUnavailable
from .contract import ConnectorConfig


class TlsConfig(ConnectorConfig):
    """The table `tls` of a connector. The files are read at every attempt to connect, so they can be renewed."""

    ca: str | None = None
    """PEM file of the authorities to trust; without it, the system's."""
    certificate: str | None = None
    """PEM file of our own certificate and its chain, if the broker asks for one."""
    key: str | None = None
    """PEM file of its key; without it, the key is in `certificate`."""
    key_password: SecretStr | None = None
    """Password of the key."""
    verify: bool = True
    """Check the broker's certificate and name; false is for trying out."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.certificate is None and (self.key is not None or self.key_password is not None):
            raise InvalidValue('a key without certificate = "..."')
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
