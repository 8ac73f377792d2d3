"""The public test kit, for authors of connectors and for tests of clients: `pip install "sse-gateway[testing]"`.

`ConnectorContract` is the suite of tests that every connector passes. `ReplayableContract` and `PublishableContract` test the
optional capabilities. `MemoryConnector` is a connector that needs no broker. `EventStreamParser` parses event streams as the
HTML standard says, and shares no code with the gateway. `EventStreamReader` is a client that uses it.
"""

from __future__ import annotations

import pytest

for _module in ("hooks", "contract", "powers"):
    # Without this, a failed assertion of these modules does not show what it compared.
    pytest.register_assert_rewrite(f"{__name__}.{_module}")

from .contract import ConnectorContract  # noqa: E402
from .hooks import ContractHooks, nothing_left  # noqa: E402
from .memory import Line, MemoryConfig, MemoryConnector, MemoryUpstream  # noqa: E402
from .powers import PublishableContract, ReplayableContract  # noqa: E402
from .reader import EventStreamParser, EventStreamReader, ReceivedEvent  # noqa: E402

__all__ = [
    "ConnectorContract",
    "ContractHooks",
    "EventStreamParser",
    "EventStreamReader",
    "Line",
    "MemoryConfig",
    "MemoryConnector",
    "MemoryUpstream",
    "PublishableContract",
    "ReceivedEvent",
    "ReplayableContract",
    "nothing_left",
]
