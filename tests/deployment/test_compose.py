"""The compose file, as far as it can be judged without a container engine."""

from __future__ import annotations

import importlib.resources
import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from jsonschema import Draft202012Validator

from sse_gateway.config import Config, load
from sse_gateway.sources.discovery import connectors
from sse_gateway.units import parse_duration

from .dockerfile import ROOT, Dockerfile

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.example.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
GATEWAY: dict[str, Any] = SERVICES["gateway"]
LASTING = {name: service for name, service in SERVICES.items() if service["restart"] != "no"}
IMAGE = Dockerfile.read().stages[-1]
_VARIABLE = re.compile(r"\$\{\w+:-([^}]*)\}")


def environment() -> dict[str, str]:
    """The gateway's, with nothing set outside."""
    return {name: _VARIABLE.sub(r"\1", value) for name, value in GATEWAY["environment"].items()}


@pytest.fixture(scope="module")
def config() -> Config:
    """What the gateway finds where its image looks for it."""
    [mount] = GATEWAY["volumes"]
    source, target, mode = mount.split(":")
    assert target == f"{IMAGE.one('WORKDIR').text}/gateway.toml"
    assert mode == "ro"
    return load((ROOT / source).read_text(), connectors(["kafka", "rabbitmq"]), environ=environment())


def test_it_is_what_the_compose_specification_says() -> None:
    vendored = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    Draft202012Validator(json.loads(vendored.read_text())).validate(COMPOSE)


def test_the_gateway_takes_its_configuration_without_a_warning(config: Config) -> None:
    assert config.warnings() == []
    assert {source.connector for source in config.sources.values()} == {"kafka", "rabbitmq"}


def test_the_brokers_it_reads_are_the_services_beside_it(config: Config) -> None:
    options = {source.connector: source.options.model_dump() for source in config.sources.values()}
    rabbitmq = urlsplit(options["rabbitmq"]["url"].get_secret_value())
    assert SERVICES["rabbitmq"]["environment"]["RABBITMQ_DEFAULT_USER"] == rabbitmq.username
    assert _VARIABLE.sub(r"\1", SERVICES["rabbitmq"]["environment"]["RABBITMQ_DEFAULT_PASS"]) == rabbitmq.password
    assert rabbitmq.hostname in SERVICES
    [server] = options["kafka"]["servers"]
    assert SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{server}"
    assert server.partition(":")[0] in SERVICES
    topics = [word.partition("=")[2] for word in SERVICES["topics"]["command"] if word.startswith("--topic=")]
    assert topics == list(options["kafka"]["topics"])


def test_its_ports_are_published_and_health_and_metrics_to_this_machine_only(config: Config) -> None:
    assert (config.server.host, config.admin.host) == ("0.0.0.0", "0.0.0.0")
    public, admin = config.server.port, config.admin.port
    assert GATEWAY["ports"] == [f"{public}:{public}", f"127.0.0.1:{admin}:{admin}"]


def test_it_has_the_time_that_its_drain_takes(config: Config) -> None:
    assert parse_duration(GATEWAY["stop_grace_period"]) >= config.drain.timeout + 2


def test_everything_that_lasts_is_checked_restarted_and_ended_in_order() -> None:
    assert LASTING.keys() == {"gateway", "kafka", "rabbitmq"}
    for service in LASTING.values():
        assert service["healthcheck"]["test"][0] == "CMD"
        assert "stop_grace_period" in service
    assert GATEWAY["healthcheck"]["test"][1:] == IMAGE.one("HEALTHCHECK").exec_form()
    assert GATEWAY["depends_on"].keys() == {"rabbitmq", "topics"}
    assert SERVICES["topics"]["depends_on"].keys() == {"kafka"}


def test_images_are_of_a_version_and_volumes_are_declared() -> None:
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    assert [image for image in images if not re.search(r":\d+\.\d", image)] == []
    used = {mount.partition(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}
    assert {name for name in used if not name.startswith(".")} == COMPOSE["volumes"].keys()


def test_the_gateway_needs_nothing_of_its_container() -> None:
    assert GATEWAY["read_only"] is True
    assert GATEWAY["cap_drop"] == ["ALL"]
