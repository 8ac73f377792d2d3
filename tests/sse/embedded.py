"""Hypercorn inside a program of one's own: `python -m tests.sse.embedded PORT MODULE:APP`."""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module

from hypercorn.asyncio import serve
from hypercorn.config import Config

if __name__ == "__main__":
    module, _, name = sys.argv[2].partition(":")
    config = Config()
    config.bind = [f"127.0.0.1:{sys.argv[1]}"]
    asyncio.run(serve(getattr(import_module(module), name), config))
