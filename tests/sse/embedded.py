"""Hypercorn inside a program of one's own: `python -m tests.sse.embedded PORT MODULE:APP`."""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config


def load(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


if __name__ == "__main__":
    config = Config()
    config.bind = [f"127.0.0.1:{sys.argv[1]}"]
    asyncio.run(serve(load(sys.argv[2]), config))
