"""The public test kit: for the author of a connector, and for tests of whatever reads the gateway's streams.

`pip install "sse-gateway[testing]"`. `ConnectorContract` is the suite that every connector passes;
`ReplayableContract` and `PublishableContract` go with the optional powers. `MemoryConnector` is a connector without a
broker. `EventStreamParser` reads event streams as the HTML standard says and shares no code with the gateway;
`EventStreamReader` is a client on it.
"""

from __future__ import annotations

import pytest

for _module in ("hooks", "contract", "powers"):
    # without it their assertions would fail without saying what they compared
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
