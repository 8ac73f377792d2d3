"""What the engine knows of the inside of uvicorn. A test that fails here says that uvicorn has changed: look at
sse_gateway/sse/servers.py, the one module that has to follow."""

from __future__ import annotations

import logging
import signal
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from sse_gateway.sse.servers import observe_signals, stopping


async def application(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("not called")


def test_its_signal_handler_is_a_method_of_the_server_which_says_whether_it_stops() -> None:
    server = uvicorn.Server(uvicorn.Config(application, log_config=None))
    with server.capture_signals():
        assert getattr(signal.getsignal(signal.SIGTERM), "__self__", None) is server
        link = observe_signals()
        assert link is not None and link.previous == server.handle_exit
        assert not stopping(link)
        server.should_exit = True
        assert stopping(link)


@pytest.mark.anyio
async def test_what_leaves_the_application_is_logged_by_the_logger_that_is_filtered() -> None:
    config = uvicorn.Config(application, log_config=None)
    config.load()
    protocol = H11Protocol(config=config, server_state=ServerState(), app_state={})
    assert protocol.logger is logging.getLogger("uvicorn.error")
