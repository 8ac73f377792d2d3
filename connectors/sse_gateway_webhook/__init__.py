"""The `webhook` connector: what is posted to a path of the public server becomes messages."""

from __future__ import annotations

from .config import WebhookConfig
from .connector import WebhookConnector

__all__ = ["WebhookConfig", "WebhookConnector"]
