"""The events of `generate`, which are numbered."""

from __future__ import annotations


def complete(output: bytes) -> bool:
    """Whether there are any, and from the first to the last none is missing, repeated or out of order."""
    numbers = [int(part.split(b",")[0]) for part in output.split(b'"seq":')[1:]]
    return numbers != [] and numbers == list(range(numbers[0], numbers[-1] + 1))
