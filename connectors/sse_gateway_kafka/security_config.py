"""The tables `tls` and `sasl` of `[sources.NAME.kafka]`."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from sse_gateway.connector import ConnectorConfig, InvalidValue

__all__ = ["Mechanism", "SaslConfig", "TlsConfig"]

Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]


class TlsConfig(ConnectorConfig):
    """Whom we trust, and who we are."""

    ca: str | None = Field(
        default=None, description="PEM file of the authorities to trust; without it, those of the system."
    )
    certificate: str | None = Field(default=None, description="PEM file of our own certificate and its chain.")
    key: str | None = Field(default=None, description="PEM file of its key, if that is a file of its own.")
    key_password: SecretStr | None = Field(default=None, description="The password of the key.")
    verify: bool = Field(
        default=True, description="Check the brokers' certificates and names; false is for trying out."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.certificate is None and (self.key is not None or self.key_password is not None):
            raise InvalidValue('a key without certificate = "..."')
        return self


class SaslConfig(ConnectorConfig):
    """Who we are. OAUTHBEARER takes a token from a file, or fetches one with the client's credentials."""

    mechanism: Mechanism = Field(
        default="SCRAM-SHA-512", description="How to sign in; the strongest of passwords' own."
    )
    username: str | None = Field(default=None, description="The user of PLAIN and SCRAM.")
    password: SecretStr | None = Field(default=None, description="The user's password.")
    token_file: str | None = Field(
        default=None, description="OAUTHBEARER: a file that holds the token; read again for every connection."
    )
    token_url: str | None = Field(
        default=None, description="OAUTHBEARER: where the credentials of a client are exchanged for a token."
    )
    client_id: str | None = Field(default=None, description="OAUTHBEARER: the client.")
    client_secret: SecretStr | None = Field(default=None, description="OAUTHBEARER: its secret.")
    scope: str | None = Field(default=None, description="OAUTHBEARER: the scope to ask for.")

    @field_validator("token_url")
    @classmethod
    def _is_http(cls, url: str | None) -> str | None:
        if url is not None and urlsplit(url).scheme not in ("http", "https"):
            raise InvalidValue("expected a URL that begins with https:// or http://")
        return url

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.mechanism != "OAUTHBEARER":
            if self.username is None or self.password is None:
                raise InvalidValue("this mechanism needs username and password", "mechanism")
        elif (self.token_file is None) == (self.token_url is None):
            raise InvalidValue('mechanism = "OAUTHBEARER" needs either token_file or token_url')
        elif self.token_url is not None and (self.client_id is None or self.client_secret is None):
            raise InvalidValue("token_url needs client_id and client_secret")
        return self
