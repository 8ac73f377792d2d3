"""The values: each is documented, each is in the schema, and those that repeat something repeat it rightly."""

from __future__ import annotations

import json

import pytest
import yaml
from jsonschema import Draft7Validator

from sse_gateway import __version__
from sse_gateway.config import DrainConfig, load

from ..deployment.dockerfile import Dockerfile
from . import schema, table
from .rendering import CHART, Manifest, kind, values_of

DEFAULTS = values_of(CHART / "values.yaml")
IMAGE = Dockerfile.read().stages[-1]


def test_the_schema_has_the_gateway_s_own_in_it() -> None:
    assert schema.FILE.read_text() == schema.written(), "run: python -m tests.charts"


def test_the_readme_has_the_table_of_values() -> None:
    readme = table.README.read_text()
    assert readme == table.written(readme), "run: python -m tests.charts"


def test_every_value_has_a_comment() -> None:
    comments = table.documented()
    assert all(comments.values())
    assert [leaf for leaf in table.leaves() if not any(f"{leaf}.".startswith(f"{key}.") for key in comments)] == []


def objects(part: Manifest, path: str = "") -> dict[str, Manifest]:
    """The tables in the schema whose keys the chart itself names."""
    found = {path: part} if "properties" in part else {}
    for key, each in part.get("properties", {}).items():
        found |= objects(each, f"{path}.{key}".removeprefix("."))
    return found


def test_the_schema_is_one_and_refuses_every_unknown_key() -> None:
    whole = json.loads(schema.FILE.read_text())
    Draft7Validator.check_schema(whole)
    Draft7Validator(whole).validate(DEFAULTS)
    assert [path for path, each in objects(whole).items() if each.get("additionalProperties") is not False] == []
    assert whole["properties"].keys() - DEFAULTS.keys() == {"global"}


@pytest.mark.parametrize("value", [8080, "${PORT}", "${PORT:-8080}"])
def test_a_variable_goes_where_a_number_goes(value: object) -> None:
    Draft7Validator(json.loads(schema.FILE.read_text())).validate({"config": {"limits": {"clients": value}}})


def test_the_drain_that_the_chart_computes_with_is_the_gateway_s_default() -> None:
    lines = [f'{key} = "{value}"' for key, value in DEFAULTS["config"]["drain"].items()]
    assert load("\n".join(["[drain]", *lines]), {}, environ={}).drain == DrainConfig()


def test_the_chart_is_of_this_version_and_for_this_image() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == __version__
    context = DEFAULTS["podSecurityContext"]
    assert f"{context['runAsUser']}:{context['runAsGroup']}" == IMAGE.one("USER").text
    [container] = kind("Deployment", {})["spec"]["template"]["spec"]["containers"]
    assert container["volumeMounts"][0]["mountPath"] == IMAGE.one("WORKDIR").text
    assert container["args"] == [*IMAGE.one("CMD").exec_form(), f"{IMAGE.one('WORKDIR').text}/gateway.toml"]
    assert [str(port["containerPort"]) for port in container["ports"]] == IMAGE.one("EXPOSE").words()
