"""The engine alone: what its import needs, and that it does nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sse_gateway
from sse_gateway import sse

PROLOGUE = """
import sys, signal, threading, importlib.abc

class Only(importlib.abc.MetaPathFinder):
    allowed = {"sse_gateway", "starlette", "anyio", "idna", "sniffio", "typing_extensions", "exceptiongroup"}

    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in self.allowed:
            raise ModuleNotFoundError(f"No module named {top!r}", name=top)

sys.meta_path.insert(0, Only())
before = [signal.getsignal(number) for number in signal.valid_signals()]
"""


def run(program: str) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", PROLOGUE + program], check=True, timeout=30)


def test_it_imports_with_starlette_and_anyio_alone_and_does_no_work() -> None:
    run(
        "import sse_gateway.sse\n"
        "assert before == [signal.getsignal(number) for number in signal.valid_signals()]\n"
        "assert threading.active_count() == 1\n"
        "assert not {name.partition('.')[0] for name in sys.modules} & {'uvicorn', 'granian', 'hypercorn'}\n"
    )


def test_importing_the_package_loads_nothing() -> None:
    run("import sse_gateway\nassert 'starlette' not in sys.modules and 'sse_gateway.sse' not in sys.modules\n")


def test_the_package_has_the_names_of_the_engine() -> None:
    for name in set(sse_gateway.__all__) - {"__version__"}:
        assert getattr(sse_gateway, name) is getattr(sse, name)
    assert set(sse_gateway.__all__) - {"__version__"} <= set(sse.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        sse_gateway.nothing  # noqa: B018


def test_the_names_of_the_other_library_are_here() -> None:
    names = (
        "AppStatus AsyncContentStream Content ContentStream EventSourceResponse JSONServerSentEvent SendTimeoutError"
    )
    assert {*names.split(), "ServerSentEvent", "SyncContentStream"} <= {*sse.__all__}
    assert sse.event.ensure_bytes is sse.ensure_bytes
