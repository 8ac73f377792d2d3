"""Which form of a stream a client wants, by its Accept header (RFC 9110, 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["accepts", "names"]

_QUALITY = re.compile(r"\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*", re.IGNORECASE)


def accepts(header: str, media_types: Sequence[str]) -> str | None:
    """The one of `media_types` that the client likes best, the first of several that it likes equally, None if it wants
    none of them. No header is `*/*`."""
    ranges = _ranges(header) or {"*/*": 1.0}
    qualities = [_quality(ranges, media_type) for media_type in media_types]
    best = max(qualities)
    return media_types[qualities.index(best)] if best > 0 else None


def names(header: str, media_type: str) -> bool:
    """Whether the client asks for this very type, not only for anything. An EventSource always does."""
    return _ranges(header).get(media_type, 0.0) > 0


def _ranges(header: str) -> dict[str, float]:
    ranges: dict[str, float] = {}
    for item in header.split(","):
        media_range, *parameters = item.split(";")
        if name := media_range.strip().lower():
            matches = [match for match in map(_QUALITY.fullmatch, parameters) if match]
            ranges[name] = float(matches[0][1]) if matches else 1.0
    return ranges


def _quality(ranges: dict[str, float], media_type: str) -> float:
    """That of the most specific range which covers the type."""
    group = media_type.partition("/")[0] + "/*"
    return next((ranges[name] for name in (media_type, group, "*/*") if name in ranges), 0.0)
