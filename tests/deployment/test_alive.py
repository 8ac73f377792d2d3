"""`sse-gateway alive`, which the health checks of containers run."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from sse_gateway.cli import main

from ..brokers.ports import free_ports


class Other(http.server.BaseHTTPRequestHandler):
    """An admin server that answers with its class's status."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/livez" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def answering(status: int) -> Iterator[int]:
    """The port of a server whose /livez has this status."""
    handler = type("Handler", (Other,), {"status": status})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def alive(folder: Path, host: str, port: int) -> tuple[int, str]:
    file = folder / "gateway.toml"
    file.write_text(f'[admin]\nhost = "{host}"\nport = {port}\n')
    result = CliRunner().invoke(main, ["alive", str(file)])
    return result.exit_code, result.stdout


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_a_gateway_that_answers_is_alive(tmp_path: Path, host: str) -> None:
    with answering(200) as port:
        assert alive(tmp_path, host, port) == (0, f"/livez of {host} port {port}: 200\n")


def test_any_other_answer_is_none(tmp_path: Path) -> None:
    with answering(503) as port:
        assert alive(tmp_path, "127.0.0.1", port) == (1, f"/livez of 127.0.0.1 port {port}: 503\n")


def test_where_nobody_listens_nobody_is_alive(tmp_path: Path) -> None:
    [port] = free_ports(1)
    code, said = alive(tmp_path, "127.0.0.1", port)
    assert code == 1
    assert said.startswith(f"/livez of 127.0.0.1 port {port}: no answer: ")
    assert "refused" in said


def test_a_proxy_of_the_environment_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with answering(200) as port:
        assert alive(tmp_path, "127.0.0.1", port)[0] == 0
