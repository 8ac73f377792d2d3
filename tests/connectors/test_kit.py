"""What connectors share: `sse_gateway.connector` beside the contract."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from cryptography.hazmat.primitives import serialization
from pydantic import ValidationError

from sse_gateway.connector import (
    Connector,
    ConnectorConfig,
    Inbox,
    Message,
    SourceUnavailable,
    TlsConfig,
    Translation,
    base36,
    check_path,
    digest36,
    parse_start,
    path_pattern,
    tls_context,
)
from tests.brokers.certificates import Certificates


class Silent(Connector[ConnectorConfig]):
    Config = ConnectorConfig

    async def receive(self) -> list[Message]:
        return []


class Older(Silent):
    def positions(self) -> Mapping[str, int]:
        return {"older": 1}


class Newer(Silent):
    def offsets(self) -> Mapping[str, int]:
        return {"newer": 1}


class OlderAbove(Newer):
    def positions(self) -> Mapping[str, int]:
        return {**super().positions(), "older": 1}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(Silent, {}), (Older, {"older": 1}), (Newer, {"newer": 1}), (OlderAbove, {"older": 1, "newer": 1})],
)
def test_either_name_of_the_offsets_is_enough(kind: type[Silent], expected: dict[str, int]) -> None:
    source = kind.build(ConnectorConfig(), "orders")
    assert (source.name, source.offsets(), source.positions()) == ("orders", expected, expected)


def test_a_docstring_describes_an_option() -> None:
    class Config(ConnectorConfig):
        port: int = 1
        """Its port."""

    assert Config.model_json_schema()["properties"]["port"]["description"] == "Its port."


async def test_an_inbox_gives_out_what_came_before_the_line_was_lost_and_then_the_first_reason() -> None:
    inbox = Inbox[int]()
    for number in range(5):
        inbox.put(number)
    inbox.lose("the first reason")
    inbox.lose("what follows from it")
    await inbox.arrival()
    assert (inbox.take(3), len(inbox), inbox.take(), inbox.take()) == ([0, 1, 2], 2, [3, 4], [])
    with pytest.raises(SourceUnavailable, match="the first reason"):
        await inbox.arrival()


@pytest.mark.parametrize("reason", [None, "the line is lost"])
async def test_whoever_waits_at_an_inbox_is_woken_by_an_item_and_by_a_loss(reason: str | None) -> None:
    inbox, ended = Inbox[int](), anyio.Event()

    async def receive() -> None:
        with nullcontext() if reason is None else pytest.raises(SourceUnavailable, match=reason):
            await inbox.arrival()
        ended.set()

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(receive)
            await anyio.wait_all_tasks_blocked()
            if reason is None:
                inbox.put(1)
            else:
                inbox.lose(reason)
            await ended.wait()


TRANSLATED = Translation(
    [
        (ConnectionRefusedError, "nobody listens ({})"),
        (OSError, "no connection{detail}"),
        (asyncio.CancelledError, "the line died"),
    ]
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionRefusedError("port 1"), "asking: nobody listens (port 1)"),
        (ConnectionRefusedError(), "asking: nobody listens (ConnectionRefusedError)"),
        (OSError("far"), "asking: no connection: far"),
        (OSError(), "asking: no connection"),
        (asyncio.CancelledError(), "asking: the line died"),
    ],
)
async def test_the_first_line_of_the_table_that_fits_explains(error: BaseException, text: str) -> None:
    with pytest.raises(SourceUnavailable) as told:
        with TRANSLATED("asking"):
            raise error
    assert (str(told.value), told.value.__cause__) == (text, error)


async def test_what_is_in_no_table_passes_and_so_does_a_cancellation_of_our_own() -> None:
    with pytest.raises(KeyError), TRANSLATED("asking"):
        raise KeyError
    assert TRANSLATED.explain(KeyError("x")) == "'x'"
    with anyio.move_on_after(0) as scope, TRANSLATED("asking"):
        await anyio.sleep_forever()
    assert scope.cancelled_caught


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("latest", "latest"),
        ("10m", timedelta(minutes=10)),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), datetime(2026, 1, 31, 12, tzinfo=UTC)),
        (12, 12),
        pytest.param("12", 12, id="digits"),
    ],
)
def test_what_a_start_may_say(written: object, read: object) -> None:
    assert parse_start(written, "latest", offsets=True) == read


@pytest.mark.parametrize("written", ["newest", "", -1, True, 1.5, None, "2026-01-31T12:00:00", "-5m", "\u00b2"])
def test_what_a_start_may_not_say(written: object) -> None:
    with pytest.raises(ValueError, match=r'expected "latest", an offset, a time|a time needs its zone'):
        parse_start(written, "latest", offsets=True)


def test_an_offset_is_no_start_where_there_are_several_histories() -> None:
    for written in (12, "12"):
        with pytest.raises(ValueError, match='expected "latest", a time with its zone'):
            parse_start(written, "latest")


def test_short_names_are_the_same_for_ever() -> None:
    """Clients come back with them, to another replica, of another version."""
    assert (base36(0), base36(35), base36(36), digest36("a", "b"), digest36("a", length=5)) == (
        "0", "z", "10", "8vku9snz", digest36("a")[-5:],
    )  # fmt: skip


def test_a_path_names_its_parameters() -> None:
    """Without the names, two paths that hide each other are equal."""
    assert check_path("/hooks/{tenant}/{number:int}") == {"tenant", "number"}
    assert (
        path_pattern("/hooks/{a}/{b:int}") == path_pattern("/hooks/{c:str}/{d:int}") != path_pattern("/hooks/{a}/{b}")
    )


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("hooks", 'begins with "/"'),
        ("/hooks/{id", "a name in each pair of braces"),
        ("/hooks/{two words}", "a name in each pair of braces"),
        ("/hooks?a=1", "without a query and without spaces"),
        ("/hooks/{id:number}", "expected one of str, path, int, float and uuid"),
        ("/{id}/{id}", "a different name for each parameter"),
    ],
)
def test_a_path_that_no_request_fits_is_refused(path: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_path(path)


def test_a_key_needs_a_certificate() -> None:
    with pytest.raises(ValidationError, match='key and key_password need certificate = "..."'):
        TlsConfig(key="key.pem")


async def test_files_that_can_not_be_used_are_named() -> None:
    """They may be mounted later, so the upstream is unavailable."""
    for options, says in (
        ({"ca": "/nowhere/ca.pem"}, "tls.ca = '/nowhere/ca.pem': "),
        ({"certificate": "/nowhere/me.pem"}, "tls.certificate = '/nowhere/me.pem', tls.key = None: "),
    ):
        with pytest.raises(SourceUnavailable) as refused:
            await tls_context(TlsConfig.model_validate(options))
        assert says in str(refused.value)


async def test_the_broker_is_checked_unless_told_otherwise() -> None:
    checked, trusting = await tls_context(TlsConfig()), await tls_context(TlsConfig(verify=False))
    assert (checked.verify_mode, checked.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (trusting.verify_mode, trusting.check_hostname) == (ssl.CERT_NONE, False)


async def test_the_key_may_have_a_password(certificates: Certificates, tmp_path: Path) -> None:
    """A wrong one is told without being shown, and a missing one is not asked for at the terminal."""
    plain = serialization.load_pem_private_key(certificates.client_key.read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"s3cret")
    key = tmp_path / "key.pem"
    key.write_bytes(plain.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    tls = {"certificate": str(certificates.client), "key": str(key)}
    await tls_context(TlsConfig.model_validate({**tls, "key_password": "s3cret"}))
    for wrong in ({"key_password": "wr0ng"}, {}):
        with pytest.raises(SourceUnavailable) as refused:
            await tls_context(TlsConfig.model_validate({**tls, **wrong}))
        assert "wr0ng" not in str(refused.value)
