"""The TLS context of one attempt to connect."""

from __future__ import annotations

import ssl

from sse_gateway.connector import SourceUnavailable

from .config import TlsConfig

__all__ = ["tls_context"]


def tls_context(config: TlsConfig) -> ssl.SSLContext:
    """Reads the files, so it blocks. Raises SourceUnavailable, naming the option whose file is of no use."""
    try:
        context = ssl.create_default_context(cafile=config.ca)
    except OSError as error:
        raise SourceUnavailable(f"tls.ca = {config.ca!r}: {error}") from error
    if config.certificate is not None:
        _load_certificate(context, config, config.certificate)
    if not config.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _load_certificate(context: ssl.SSLContext, config: TlsConfig, certificate: str) -> None:
    # never None: OpenSSL would then ask for the password at the terminal, and wait
    password = config.key_password.get_secret_value() if config.key_password else ""
    try:
        context.load_cert_chain(certificate, config.key, password)
    except OSError as error:
        raise SourceUnavailable(f"tls.certificate = {certificate!r}, tls.key = {config.key!r}: {error}") from error
