"""The examples of `docs/connectors/webhook.md` run, as they stand, against a gateway."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import anyio
import pytest

from tests.connectors.page import Page
from tests.end_to_end.gateway import running

PAGE = Page("webhook")
SOURCES = "\n".join(PAGE.blocks("toml"))
EXAMPLES = PAGE.blocks("sh")
SECRETS = {
    "GITHUB_SECRET": "It's a Secret to Everybody",
    "STRIPE_SECRET": "whsec_test",
    "SLACK_SIGNING_SECRET": "8f742231b10e8888abcd99yyyzzz85a5",
    "SHOPIFY_SECRET": "test-webhook-secret",
    "BILLING_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "BUILDS_SECRET": "builds",
    "ALERTS_TOKEN": "mF_9.B5f-4.1JqM",
}


@pytest.mark.skipif(not shutil.which("openssl"), reason="the examples sign with openssl")
async def test_each_example_gets_the_answer_that_stands_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    async with running(tmp_path, SOURCES) as gateway:
        for example in EXAMPLES:
            said = re.findall(r"# (\d{3})$", example, re.MULTILINE)
            script = "set -eu\n" + example.replace("http://127.0.0.1:8080", gateway.public).replace(
                "curl ", "curl -sS "
            )
            answered = await anyio.run_process(["bash", "-c", script])
            assert answered.stdout.decode().split() == said, example
        assert await gateway.metric("sse_gateway_source_messages_total") == len(EXAMPLES)  # one has two, one has none
