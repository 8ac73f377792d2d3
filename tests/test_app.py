"""The process around the gateway."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvloop

from sse_gateway import app
from sse_gateway.config import load
from sse_gateway.process import sockets

pytestmark = pytest.mark.usefixtures("restored_logging")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a gateway meets that is only looked at, not run."""
    found: dict[str, Any] = {}

    class Gateway:
        def __init__(self, *parts: Any, clock: Any) -> None:
            found.update(parts=parts, clock=clock)

        async def run(self) -> None:
            found["loop"] = asyncio.get_running_loop()

    monkeypatch.setattr(app, "Gateway", Gateway)
    monkeypatch.setattr(sockets, "raise_descriptor_limit", lambda wanted: 1024)
    return found


def test_it_runs_on_uvloop_with_two_sockets_of_its_own(
    found: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """And says so where the system allows too few open files."""
    app.serve(load("[server]\nport = 0\n[admin]\nport = 0", {}, environ={}))
    assert isinstance(found["loop"], uvloop.Loop)
    assert found["clock"] == found["loop"].time
    _, _, public, admin = found["parts"]
    with public, admin:
        assert public.getsockname() != admin.getsockname()
    assert "the limit of open files is below limits.clients limit=1024 wanted=12048" in capsys.readouterr().err


def test_a_bug_in_the_drain_does_not_keep_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Drain:
        async def run(self) -> None:
            raise ZeroDivisionError("a bug")

    def drain(gateway: app.Gateway) -> Drain:
        for server in (gateway.public, gateway.admin):  # which were never run
            server._listener.close()
        return Drain()

    codes: list[int] = []
    monkeypatch.setattr(app, "handle_signals", lambda loop, begin: begin("SIGTERM"))
    monkeypatch.setattr(app, "leave", codes.append)
    monkeypatch.setattr(app, "_calm_gc", lambda: None)
    monkeypatch.setattr(app.Gateway, "_parts", lambda gateway: ())
    monkeypatch.setattr(app.Gateway, "_drain", drain)
    app.serve(load("[server]\nport = 0\n[admin]\nport = 0", {}, environ={}))
    assert codes == [1]
    assert "ZeroDivisionError: a bug" in capsys.readouterr().err
