"""An nginx as docs/deployment.md has it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from ..brokers.ports import free_ports
from ..pages import block, page

PAGE = page("docs/deployment.md")

needs_nginx = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")

# One process, so that killing it leaves nothing. With compression, which must not hold events back either.
_CONFIG = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;
events {{ }}
http {{
    access_log off; gzip on; gzip_types text/event-stream;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location = / {{ default_type text/html; return 200 "<!doctype html><title>page</title><body>"; }}
        {locations}
    }}
}}
"""


@asynccontextmanager
async def nginx(folder: Path, gateway: str) -> AsyncIterator[str]:
    """Its URL, in front of the gateway with that URL."""
    [port] = free_ports(1)
    locations = block(PAGE, "nginx").replace("http://127.0.0.1:8080", gateway)
    file = folder / "nginx.conf"
    file.write_text(_CONFIG.format(folder=folder, port=port, locations=locations))
    async with await anyio.open_process(
        ["nginx", "-e", "stderr", "-c", str(file)], stdout=None, stderr=None
    ) as process:
        try:
            await _listening(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


async def _listening(port: int) -> None:
    while True:
        try:
            async with await anyio.connect_tcp("127.0.0.1", port):
                return
        except OSError:
            await anyio.sleep(0.01)
