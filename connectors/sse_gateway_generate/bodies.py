"""The bodies of generated messages."""

from __future__ import annotations

import time
from datetime import UTC, datetime

__all__ = ["json_body", "timing_body"]


def json_body(seq: int, key: str, size: int) -> bytes:
    """A JSON object with the number, the key, the wall clock and CLOCK_MONOTONIC; padded by a member `pad`."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = f'{{"seq":{seq},"key":"{key}","time":"{now}","monotonic_ns":{time.monotonic_ns()}}}'
    missing = size - len(body) - len(',"pad":""')
    return (f'{body[:-1]},"pad":"{"x" * missing}"}}' if missing >= 0 else body).encode()


def timing_body(seq: int, key: str, size: int) -> bytes:
    """`t=NANOSECONDS s=SEQ `, padded with x at its end."""
    return f"t={time.monotonic_ns()} s={seq} ".ljust(size, "x").encode()
