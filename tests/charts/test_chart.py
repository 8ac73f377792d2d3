"""The chart, for each set of values: linted, rendered as it was, valid for Kubernetes, and right for the gateway."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest

from sse_gateway.config import Config, load
from sse_gateway.sources.discovery import connectors, installed

from .rendering import CHART, FOLDER, VALUES, Manifest, golden, kind, manifests, render, values_of

CLASSES = connectors(installed())
REFUSED = sorted((FOLDER / "refused").glob("*.yaml"))
WARNING = 2

each_set = pytest.mark.parametrize("file", VALUES, ids=lambda file: file.stem)


def gateway_of(values: Manifest) -> Config:
    """The configuration that the gateway finds in its pod, with a value for every variable that the pod has."""
    container = pod_of(values)["containers"][0]
    names = [variable["name"] for variable in container.get("env", [])]
    if "envFrom" in container:
        names += re.findall(r"\$\{(\w+)\}", file_of(values))
    return load(file_of(values), CLASSES, environ=dict.fromkeys(names, "amqps://from-a-secret/"))


def file_of(values: Manifest) -> str:
    return str(kind("ConfigMap", values)["data"]["gateway.toml"])


def pod_of(values: Manifest) -> Manifest:
    return dict(kind("Deployment", values)["spec"]["template"]["spec"])


def test_there_are_ten_sets_of_values_and_a_golden_file_for_each() -> None:
    assert len(VALUES) >= 10
    assert {file.name for file in VALUES} == {file.name for file in (FOLDER / "golden").glob("*.yaml")}


@each_set
def test_helm_s_strict_lint_has_nothing_to_say(file: Path) -> None:
    report = helm_python.lint(CHART, values_of(file), strict=True)
    assert report["total_charts_linted"] == 1
    assert report["errors"] == []
    assert [message for message in report["messages"] if message["severity"] >= WARNING] == []


@each_set
def test_it_renders_as_it_did(file: Path) -> None:
    expected = (FOLDER / "golden" / file.name).read_text()
    assert golden(values_of(file)) == expected, "if that is meant: python -m tests.charts"


@each_set
@pytest.mark.parametrize("version", ["1.29", "1.37"])
def test_kubernetes_takes_every_object(file: Path, version: str) -> None:
    """By its own schemas, where it has one: a ServiceMonitor is of somebody else."""
    ours = [each for each in manifests(values_of(file)) if each["kind"] != "ServiceMonitor"]
    assert len(ours) >= 5
    for manifest in ours:
        kubernetes_validate.validate(manifest, version, strict=True)


@each_set
def test_the_gateway_takes_the_configuration(file: Path) -> None:
    values = values_of(file)
    config = gateway_of(values)
    given = values.get("config", {})
    assert config.sources.keys() == given.get("sources", {}).keys()
    assert [route.path for route in config.routes] == [route["path"] for route in given.get("routes", [])]
    if config.sources:
        assert config.warnings() == []


@each_set
def test_the_pod_has_the_time_that_its_drain_takes(file: Path) -> None:
    values = values_of(file)
    pod, drain = pod_of(values), gateway_of(values).drain
    sleep = pod["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert sleep == values.get("preStopSeconds", 0)
    assert pod["terminationGracePeriodSeconds"] >= sleep + drain.timeout + 2


@each_set
def test_ports_and_selectors_find_the_pods(file: Path) -> None:
    values = values_of(file)
    config, template = gateway_of(values), kind("Deployment", values)["spec"]["template"]
    labels, [container] = template["metadata"]["labels"], template["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": config.server.port, "admin": config.admin.port}
    assert {container[f"{probe}Probe"]["httpGet"]["port"] for probe in ("startup", "liveness", "readiness")} == {
        "admin"
    }
    for manifest in manifests(values):
        selector = manifest.get("spec", {}).get("selector", {})
        if manifest["kind"] != "ServiceMonitor":
            assert selector.get("matchLabels", selector).items() <= labels.items()
        if manifest["kind"] == "Service":
            assert {port["targetPort"] for port in manifest["spec"]["ports"]} <= ports.keys()


@each_set
def test_the_pod_passes_the_restricted_standard(file: Path) -> None:
    pod = pod_of(values_of(file))
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("file", REFUSED, ids=lambda file: file.stem)
def test_what_can_t_be_right_is_refused_with_its_reason(file: Path) -> None:
    [expected] = re.findall(r"^# error: (.*)$", file.read_text(), re.MULTILINE)
    with pytest.raises(helm_python.HelmError) as refused:
        render(values_of(file))
    assert expected in str(refused.value)


def test_a_change_of_the_configuration_restarts_the_pods_and_nothing_else_of_it_does() -> None:
    def checksum(values: dict[str, Any]) -> str:
        return str(kind("Deployment", values)["spec"]["template"]["metadata"]["annotations"]["checksum/config"])

    usual = checksum({})
    assert checksum({"config": {"limits": {"clients": 5}}}) != usual
    assert checksum({"service": {"port": 81}, "replicaCount": 3}) == usual


def test_a_service_monitor_finds_the_admin_service_only() -> None:
    values = {"serviceMonitor": {"enabled": True}}
    monitor = kind("ServiceMonitor", values)["spec"]
    wanted = monitor["selector"]["matchLabels"].items()
    services = [each for each in manifests(values) if each["kind"] == "Service"]
    [found] = [each for each in services if wanted <= each["metadata"]["labels"].items()]
    assert found["metadata"]["name"].endswith("-admin")
    assert [port["name"] for port in found["spec"]["ports"]] == [endpoint["port"] for endpoint in monitor["endpoints"]]
