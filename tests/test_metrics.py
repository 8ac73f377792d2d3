"""What `/metrics` will show."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from prometheus_client import generate_latest, parser
from prometheus_client.core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_parser

from sse_gateway.core import Bounds, Event, Hub
from sse_gateway.metrics import DrainStage, Metrics, Scrape

from .pages import page


def exposition(metrics: Metrics) -> list[str]:
    return generate_latest(metrics.registry).decode().splitlines()


def test_every_name_begins_with_the_name_of_the_project_and_is_explained() -> None:
    helps = [line.split(" ", 3) for line in exposition(Metrics()) if line.startswith("# HELP")]

    assert len(helps) >= 25
    assert all(name.startswith("sse_gateway_") and text for _, _, name, text in helps)


def strictly_read(metrics: Metrics) -> Iterator[Metric]:
    text: bytes = openmetrics(metrics.registry)  # type: ignore[no-untyped-call]
    yield from openmetrics_parser(text.decode())  # type: ignore[no-untyped-call]


def test_there_is_one_series_for_a_counter() -> None:
    assert not any("_created" in line for line in exposition(Metrics()))


def test_a_counter_of_known_words_begins_at_0() -> None:
    """A rate over one that appears with its first event, at 1, is 0."""
    lines = exposition(Metrics())

    assert 'sse_gateway_clients_refused_total{reason="limit"} 0.0' in lines
    assert 'sse_gateway_evictions_total{reason="slow"} 0.0' in lines
    assert 'sse_gateway_resumes_total{outcome="reset"} 0.0' in lines


def test_both_expositions_are_read_by_parsers(hub: Hub) -> None:
    """That of Prometheus and that of OpenMetrics, which demands more of names and types."""
    metrics, scrape = Metrics(), Scrape(hub.logs, {"orders": Counter(refused=1)})
    metrics.registry.register(scrape)
    scrape.take()
    plain = {
        family.name: family
        for family in parser.text_string_to_metric_families(generate_latest(metrics.registry).decode())
    }
    strict = {family.name: family for family in strictly_read(metrics)}

    assert plain.keys() == strict.keys()
    assert all(family.type in ("counter", "gauge", "histogram") for family in strict.values())


def test_two_gateways_in_one_process_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.flushes.inc()

    assert "sse_gateway_flushes_total 1.0" in exposition(first)
    assert "sse_gateway_flushes_total 0.0" in exposition(second)


def test_the_drain_stage_is_explained_by_its_help() -> None:
    stages = "0 running, 1 unready, 2 closing, 3 farewells, 4 sources, 5 done"
    metrics = Metrics()
    metrics.drain_stage.set(DrainStage.FAREWELLS)

    assert f"# HELP sse_gateway_drain_stage {stages}" in exposition(metrics)
    assert "sse_gateway_drain_stage 3.0" in exposition(metrics)


def test_the_process_is_shown_only_on_request() -> None:
    metrics = Metrics()
    assert not any(line.startswith("process_") for line in exposition(metrics))

    metrics.add_process_collectors()

    assert any(line.startswith("process_resident_memory_bytes") for line in exposition(metrics))


@pytest.fixture
def hub() -> Hub:
    hub = Hub(process="p")
    log = hub.add("orders", Bounds(max_events=2, max_bytes=1000, max_age=60.0), lambda name: True)
    hub.begin(log, "", {})
    for number in range(3):
        hub.publish(log, Event(f"orders.{number}", b"12345", "new"), now=0.0)
    return hub


def test_a_scrape_shows_the_logs_of_the_hub_and_the_tallies_of_the_connectors_as_they_were_taken(hub: Hub) -> None:
    """`collect` runs in a worker thread, where the hub may not be touched."""
    metrics = Metrics()
    scrape = Scrape(hub.logs, {"hooks": Counter(signature=3)})
    metrics.registry.register(scrape)
    scrape.take()
    hub.publish(hub.logs[0], Event("orders.9", b""), now=0.0)

    lines = exposition(metrics)

    assert 'sse_gateway_log_events{source="orders"} 2.0' in lines
    assert 'sse_gateway_log_bytes{source="orders"} 48.0' in lines
    assert 'sse_gateway_channels{source="orders"} 2.0' in lines
    assert 'sse_gateway_events_total{source="orders"} 3.0' in lines
    assert 'sse_gateway_log_evicted_total{reason="evicted",source="orders"} 1.0' in lines
    assert 'sse_gateway_source_tally_total{source="hooks",what="signature"} 3.0' in lines


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
    scrape = Scrape(hub.logs, {"s": Counter(refused=1)})
    metrics.registry.register(scrape)
    scrape.take()
    yield from metrics.registry.collect()


def row(family: Metric) -> str:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels = ", ".join(f"`{label}`" for label in sorted(family.samples[0].labels) if label != "le")
    return f"| `{name}` | {family.type} | {labels} | {family.documentation} |"


def test_the_page_has_every_metric_as_it_is_shown() -> None:
    assert re.findall(r"^\| `.*$", page("docs/metrics.md"), re.MULTILINE) == [row(family) for family in families()]
