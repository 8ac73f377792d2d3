"""`sse-gateway serve FILE` without anything random: python fixed_gateway.py FILE."""

from __future__ import annotations

import random
import secrets
import sys

from sse_gateway.cli import main

vars(random)["uniform"] = lambda low, high: (low + high) / 2
vars(secrets)["token_hex"] = lambda length: "p" * length
main(["serve", sys.argv[1]])
