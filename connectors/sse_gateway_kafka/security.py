"""`tls` and `sasl` in aiokafka's terms, and the token of OAUTHBEARER (RFC 6749, section 4.4)."""

from __future__ import annotations

import base64
import json
import ssl
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from aiokafka.abc import AbstractTokenProvider
from anyio import to_thread

from sse_gateway.connector import SourceUnavailable, tls_context

from .config import KafkaConfig, SaslConfig

# Seconds. Token servers answer in milliseconds, and the thread of a fetch goes on after its connection was given up.
_PATIENCE = 10.0

# Seconds. A token is not used in its last minute, because the broker's clock may differ.
_MARGIN = 60.0


async def security_options(config: KafkaConfig) -> dict[str, Any]:
    """Keyword arguments of an aiokafka client. Files are read each time, so certificates can be rotated.

    Raises:
        SourceUnavailable: a file can't be used.
    """
    context, sasl = await tls_context(config.tls) if config.tls else None, config.sasl
    protocol = ("SASL_" if sasl else "") + ("SSL" if context else "PLAINTEXT")
    options: dict[str, Any] = {"security_protocol": protocol, "ssl_context": context}
    if sasl is not None:
        options["sasl_mechanism"] = sasl.mechanism
        if sasl.mechanism == "OAUTHBEARER":
            options["sasl_oauth_token_provider"] = _TokenProvider(sasl, context)
        elif sasl.password is not None:
            options["sasl_plain_username"] = sasl.username
            options["sasl_plain_password"] = sasl.password.get_secret_value()
    return options


class _TokenProvider(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka is untyped
    """aiokafka asks it for a token whenever it opens a connection."""

    def __init__(self, sasl: SaslConfig, context: ssl.SSLContext | None) -> None:
        self._sasl = sasl
        self._context = context
        self._token = ""
        self._expires = 0.0

    async def token(self) -> str:
        """A token that is valid now.

        Raises:
            SourceUnavailable: the file or the server gives none.
        """
        if self._sasl.token_file is not None:
            return await to_thread.run_sync(self._read, self._sasl.token_file)
        if time.monotonic() >= self._expires:
            begun = time.monotonic()
            self._token, lifetime = await to_thread.run_sync(self._fetch, abandon_on_cancel=True)
            self._expires = begun + lifetime - _MARGIN
        return self._token

    def _fetch(self) -> tuple[str, float]:
        url = self._sasl.token_url or ""
        secret = self._sasl.client_secret.get_secret_value() if self._sasl.client_secret else ""
        pair = f"{urllib.parse.quote(self._sasl.client_id or '')}:{urllib.parse.quote(secret)}"
        form = {"grant_type": "client_credentials"} | (
            {"scope": self._sasl.scope} if self._sasl.scope is not None else {}
        )
        headers = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode(), "Accept": "application/json"}
        try:
            request = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), headers)  # noqa: S310
            with urllib.request.urlopen(request, timeout=_PATIENCE, context=self._context) as answer:  # noqa: S310  # http(s)
                found = json.load(answer)
            return str(found["access_token"]), float(found.get("expires_in", 0))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SourceUnavailable(f"sasl: no token from {url}: {error}") from error

    def _read(self, path: str) -> str:
        try:
            return Path(path).read_text().strip()
        except (OSError, ValueError) as error:
            raise SourceUnavailable(f"sasl: no token in {path}: {error}") from error
