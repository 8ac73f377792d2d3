"""The page of metrics has each of them, as the gateway shows it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from prometheus_client import Metric

from sse_gateway.core import Bounds, Hub
from sse_gateway.metrics import Metrics, Scrape

from .pages import page

PAGE = page("docs/metrics.md")


def families() -> Iterator[Metric]:
    """Every metric, and a value of each that has labels."""
    hub, metrics = Hub(), Metrics()
    hub.add("s", Bounds(1, 1, 1.0), lambda name: True).evicted["evicted"] += 1
    for family, labels in (
        (metrics.source_up, 1),
        (metrics.source_messages, 1),
        (metrics.source_failures, 1),
        (metrics.source_unmappable, 2),
        (metrics.source_breaks, 2),
        (metrics.clients, 1),
        (metrics.clients_opened, 1),
        (metrics.clients_closed, 2),
        (metrics.gaps, 1),
    ):
        family.labels(*"ab"[:labels])
    scrape = Scrape(hub.statistics, {"s": Counter(refused=1)})
    metrics.registry.register(scrape)
    scrape.take()
    yield from metrics.registry.collect()


def row(family: Metric) -> str:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels = ", ".join(f"`{label}`" for label in sorted(family.samples[0].labels) if label != "le")
    return f"| `{name}` | {family.type} | {labels} | {family.documentation} |"


def test_the_page_has_every_metric_as_it_is_shown() -> None:
    assert re.findall(r"^\| `.*$", PAGE, re.MULTILINE) == [row(family) for family in families()]
