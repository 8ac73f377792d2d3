"""What docs/deployment.md says to copy works when it is copied."""

from __future__ import annotations

import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from sse_gateway.app import _DESCRIPTORS
from sse_gateway.config import DrainConfig, LimitsConfig
from sse_gateway.units import parse_duration

from ..pages import block, page

PAGE = page("docs/deployment.md")

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def unit() -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # as its documentation says
    parser.read_string(block(PAGE, "ini"))
    return parser


def test_the_unit_gives_the_time_and_the_descriptors_that_the_defaults_need() -> None:
    service = unit()["Service"]
    assert parse_duration(service["TimeoutStopSec"]) >= DrainConfig().timeout + 2
    assert int(service["LimitNOFILE"]) >= LimitsConfig().clients + _DESCRIPTORS


@needs_systemd
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    file = tmp_path / "sse-gateway.service"
    file.write_text(block(PAGE, "ini").replace("/opt/sse-gateway/bin", str(Path(sys.executable).parent)))
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(file)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (said.returncode, said.stderr) == (0, "")


def test_hadolint_has_nothing_to_say_about_the_image_with_another_connector() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    subprocess.run([hadolint, "-"], input=block(PAGE, "dockerfile"), text=True, check=True, timeout=30)


def test_kubernetes_takes_the_ingress() -> None:
    kubernetes_validate.validate(yaml.safe_load(block(PAGE, "yaml")), "1.37", strict=True)
