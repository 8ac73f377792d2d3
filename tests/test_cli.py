"""The commands, as a person calls them."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from sse_gateway import app
from sse_gateway.cli import main
from sse_gateway.config import Config
from sse_gateway.errors import ConfigError
from sse_gateway.sources import discovery

from .brokers.ports import free_ports

GENERATE = '[sources.ticks]\nchannel = "ticks"\n[sources.ticks.generate]\n'
ROUTE = '[[routes]]\npath = "/ticks"\nchannels = ["ticks"]\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(GENERATE + ROUTE)
    return path


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_a_right_file_is_ok(file: Path) -> None:
    assert run("check", file) == (0, f"{file}: ok\n", "")


def test_without_a_name_the_file_is_gateway_toml(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    assert run("check") == (0, "gateway.toml: ok\n", "")


def test_warnings_are_written_and_are_no_errors(file: Path) -> None:
    file.write_text(GENERATE)
    warning = f"{file}: warning: routes: there are none, so nothing will be served\n"
    assert run("check", file) == (0, f"{file}: ok\n", warning)


def test_the_help_says_what_each_command_does_in_a_whole_sentence() -> None:
    code, text, _ = run("--help")

    assert code == 0
    assert "..." not in text.partition("Commands:")[2]


def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path: Path) -> None:
    missing = tmp_path / "missing.toml"
    assert run("check", missing) == (1, "", f"{missing}: cannot be read: No such file or directory\n")
    assert run("check", tmp_path) == (1, "", f"{tmp_path}: cannot be read: Is a directory\n")


def test_a_file_in_another_encoding_is_one_clear_line(file: Path) -> None:
    file.write_bytes(b'a = "\xff"')
    assert run("check", file) == (1, "", f"{file}: not TOML: byte 6 is not UTF-8\n")


def test_a_mark_at_the_begin_of_the_file_is_passed_over(file: Path) -> None:
    text = file.read_bytes()
    told = run("check", file)
    file.write_bytes(b"\xef\xbb\xbf" + text)

    assert run("check", file) == told
    assert told[0] == 0


def test_serve_runs_the_gateway_of_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Config] = []
    monkeypatch.setattr(app, "serve", served.append)
    assert run("serve", file) == (0, "", "")
    assert [list(config.sources) for config in served] == [["ticks"]]


def test_what_hinders_serving_is_one_clear_line(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(config: Config) -> None:
        raise ConfigError(["server.port: 8080 is taken"])

    monkeypatch.setattr(app, "serve", refuse)
    assert run("serve", file) == (1, "", "server.port: 8080 is taken\n")


def test_the_schema_is_one_and_has_the_installed_connectors() -> None:
    code, output, _ = run("schema")
    schema: dict[str, Any] = json.loads(output)
    Draft202012Validator.check_schema(schema)
    source = schema["properties"]["sources"]["additionalProperties"]
    assert code == 0
    assert {"generate", "webhook", "lines"} <= source["properties"].keys()


def test_connectors_are_listed_with_their_options() -> None:
    code, output, _ = run("connectors")
    assert code == 0
    assert "[sources.NAME.generate]\n" in output
    assert "  rate = 1.0  (number)\n      Events per second" in output


def test_a_connector_without_its_library_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    load = discovery.connectors

    def connectors(names: list[str]) -> object:
        if names == ["webhook"]:
            raise ConfigError(['connector webhook cannot be imported: pip install "something"'])
        return load(names)

    monkeypatch.setattr(discovery, "connectors", connectors)
    code, output, errors = run("connectors")
    assert (code, errors) == (0, 'connector webhook cannot be imported: pip install "something"\n')
    assert "[sources.NAME.generate]" in output
    assert "[sources.NAME.webhook]" not in output


def test_only_what_the_file_names_is_imported(file: Path) -> None:
    script = (
        "import sys; from sse_gateway.cli import main; main(['check', sys.argv[1]], standalone_mode=False); "
        "print([name for name in sys.modules if name.startswith(('sse_gateway_webhook', 'aiokafka', 'aio_pika'))])"
    )
    result = subprocess.run([sys.executable, "-c", script, file], capture_output=True, text=True, timeout=30)
    assert result.stdout.splitlines() == [f"{file}: ok", "[]"]


def test_the_version_is_the_package_s_and_nothing_heavy_is_imported_for_it() -> None:
    assert run("--version") == (0, f"sse-gateway {version('sse-gateway')}\n", "")
    script = "import sys, sse_gateway.cli; print({'pydantic', 'starlette', 'granian'} & sys.modules.keys())"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert result.stdout == "set()\n"


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
    return run("alive", file)[:2]


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
