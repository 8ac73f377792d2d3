"""Texts with fields in braces, such as `orders.{json.customer.id}`, and the names of channels that are written with them."""

from __future__ import annotations

from .channels import CHANNEL
from .template import MissingField, Template

__all__ = ["CHANNEL", "MissingField", "Template"]
