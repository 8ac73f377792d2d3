"""What Helm makes of the chart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import helm_python
import yaml

CHART = Path(__file__).parents[2] / "charts" / "sse-gateway"
FOLDER = Path(__file__).parent
VALUES = sorted((FOLDER / "values").glob("*.yaml"))
NOTES = "NOTES.txt"

Manifest = dict[str, Any]


def values_of(file: Path) -> Manifest:
    """The values in a file, which may be empty."""
    return dict(yaml.safe_load(file.read_text()) or {})


def render(values: Mapping[str, Any]) -> dict[str, str]:
    """What each template gives, by its file's name, as for `helm install orders --namespace shop`.

    Raises:
        HelmError: the values are refused.
    """
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(dict(values))
        texts = chart.render(dict(values), name="orders", namespace="shop")
    return {Path(name).name: text.strip() + "\n" for name, text in sorted(texts.items()) if text.strip()}


def golden(values: Mapping[str, Any]) -> str:
    """All of it in one text."""
    return "".join(f"# {name}\n{text}---\n" for name, text in render(values).items())


def manifests(values: Mapping[str, Any]) -> list[Manifest]:
    """The objects that Kubernetes gets."""
    return [yaml.safe_load(text) for name, text in render(values).items() if name != NOTES]


def kind(name: str, values: Mapping[str, Any]) -> Manifest:
    """The one object of this kind that has the chart's own name."""
    [found] = [
        each for each in manifests(values) if each["kind"] == name and not each["metadata"]["name"].endswith("-admin")
    ]
    return found
