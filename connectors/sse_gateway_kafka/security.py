"""`tls` and `sasl` in aiokafka's terms."""

from __future__ import annotations

import ssl
from typing import Any

from anyio import to_thread

from sse_gateway.errors import SourceUnavailable

from .config import KafkaConfig
from .security_config import SaslConfig, TlsConfig
from .token import TokenProvider

__all__ = ["security_options"]


async def security_options(config: KafkaConfig) -> dict[str, Any]:
    """Keyword arguments of an aiokafka client. Files are read anew each time, so a rotated certificate is taken up.

    Raises:
        SourceUnavailable: a file is not there or not what it should be.
    """
    context = await to_thread.run_sync(_context, config.tls) if config.tls else None
    protocol = ("SASL_" if config.sasl else "") + ("SSL" if context else "PLAINTEXT")
    options = {"security_protocol": protocol, "ssl_context": context}
    return {**options, **(_sasl(config.sasl, context) if config.sasl else {})}


def _context(tls: TlsConfig) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if not tls.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if tls.certificate is not None:
            password = tls.key_password.get_secret_value() if tls.key_password else ""
            context.load_cert_chain(tls.certificate, tls.key, password)
    except OSError as error:  # ssl.SSLError is one
        files = ", ".join(name for name in (tls.ca, tls.certificate, tls.key) if name)
        raise SourceUnavailable(f"tls: can't use {files}: {error}") from error
    return context


def _sasl(sasl: SaslConfig, context: ssl.SSLContext | None) -> dict[str, Any]:
    options: dict[str, Any] = {"sasl_mechanism": sasl.mechanism}
    if sasl.mechanism == "OAUTHBEARER":
        options["sasl_oauth_token_provider"] = TokenProvider(sasl, context)
    elif sasl.password is not None:
        options["sasl_plain_username"] = sasl.username
        options["sasl_plain_password"] = sasl.password.get_secret_value()
    return options
