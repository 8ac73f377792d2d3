"""How long a supervisor waits for what."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Timing"]


@dataclass(frozen=True, slots=True)
class Timing:
    """Bounds on the waits for an upstream, in seconds."""

    enter: float = 30.0
    """For a connection: clients of brokers give up a dead host after 10 to 30 s themselves, and may try another."""
    quiet: float = 10.0
    """For a message, before it asks the upstream if it is well: some clients tell nothing of an outage."""
    check: float = 10.0
    """For the answer to that, and to an acknowledgement."""
    leave: float = 5.0
    """For a connection to close, also when all is to end: a dead broker answers no goodbye."""
