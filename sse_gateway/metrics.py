"""The metrics at `/metrics`, and the stage of the drain, which is one of them.

Counters are incremented per batch or per flush, never per delivery: one increment costs as much as half a delivery. Labels
are names from the configuration (sources, paths of routes) and fixed words (reasons), so the number of series is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import IntEnum
from functools import partial

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .core import Log


class DrainStage(IntEnum):
    """The stages of the shutdown, and the values of `sse_gateway_drain_stage`."""

    RUNNING = 0
    UNREADY = 1
    """Readiness answers 503. Clients are still accepted until the load balancer has seen that."""
    CLOSING = 2
    """The public port is closed. Sources that cannot be replayed stop."""
    FAREWELLS = 3
    """Every client is told when to reconnect, and disconnected."""
    SOURCES = 4
    """The replayable sources stop. What they published is acknowledged."""
    DONE = 5


_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""From the millisecond of an idle gateway to the seconds of an overloaded one. The longest wait between flushes is 50 ms."""


class Metrics:
    """The metrics of one gateway, in a registry of their own, so that tests can run several gateways in one process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the series
        self.registry = registry or CollectorRegistry()
        counter = partial(Counter, namespace="sse_gateway", registry=self.registry)
        gauge = partial(Gauge, namespace="sse_gateway", registry=self.registry)
        histogram = partial(Histogram, namespace="sse_gateway", registry=self.registry)

        self.source_up = gauge("source_up", "1 while the source is connected", ["source"])
        self.source_messages = counter("source_messages", "Messages received from the upstream", ["source"])
        self.source_failures = counter("source_failures", "Connections lost or refused", ["source"])
        self.source_unmappable = counter(
            "source_unmappable",
            "Messages that became no event, or (substituted) one with other data",
            ["source", "reason"],
        )
        self.source_breaks = counter("source_breaks", "Losses upstream of the gateway", ["source", "reason"])

        self.clients = gauge("clients", "Open streams", ["route"])
        self.clients_opened = counter("clients_opened", "Streams opened", ["route"])
        self.clients_closed = counter("clients_closed", "Streams ended, by either side", ["route", "reason"])
        self.clients_refused = counter("clients_refused", "Requests for a stream that were turned away", ["reason"])
        self.clients_lagging = gauge("clients_lagging", "Clients that are blocked or behind")
        self.lag_events = gauge("lag_events", "Events that the slowest client is behind")
        self.lag_bytes = gauge("lag_bytes", "Bytes that the slowest client is behind")

        self.deliveries = counter("deliveries", "Events handed to clients, once for each client")
        self.sent_bytes = counter("sent_bytes", "Bytes of bodies handed to clients")
        self.flushes = counter("flushes", "Flushes that sent events")
        self.sends = counter("sends", "ASGI messages sent")
        self.encodings = counter("encodings", "Events put into wire form")
        self.joins = counter("joins", "Joins made: one or more events in one write")
        self.send_timeouts = counter("send_timeouts", "Writes that took longer than limits.send_timeout")
        self.evictions = counter("evictions", "Clients that the gateway disconnected", ["reason"])
        self.gaps = counter("gaps", "Gaps announced to clients", ["reason"])
        self.resumes = counter("resumes", "Requests to resume, by outcome", ["outcome"])
        self.flush_window = gauge("flush_window_seconds", "Wait between flushes; 0 while clients keep up")
        self.delivery_latency = histogram(
            "delivery_latency_seconds", "From the arrival of a message to the write of its event", buckets=_LATENCY
        )
        self.drain_stage = gauge("drain_stage", ", ".join(f"{stage} {stage.name.lower()}" for stage in DrainStage))

        # These series exist from the start, because rate() does not see a counter that begins at 1.
        for family, words in (
            (self.clients_refused, ("limit", "address", "draining")),
            (self.evictions, ("slow", "timeout")),
            (self.resumes, ("log", "gap", "reset")),
        ):
            for word in words:
                family.labels(word)

    def add_process_collectors(self) -> None:
        """Show the memory, CPU time and descriptors of the process too. Collecting them reads /proc: it blocks."""
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)


class Gate:
    """The stage of the drain. The drain moves it forward, and never back."""

    def __init__(self, metrics: Metrics) -> None:
        self.stage = DrainStage.RUNNING
        self._metrics = metrics

    def enter(self, stage: DrainStage) -> None:
        """Begin the next stage."""
        self.stage = stage
        self._metrics.drain_stage.set(stage)

    @property
    def unready(self) -> bool:
        """Whether load balancers are to send new clients elsewhere."""
        return self.stage > DrainStage.RUNNING

    @property
    def draining(self) -> bool:
        """Whether new clients are turned away. They are not yet in the stage UNREADY, which load balancers may not have
        seen."""
        return self.stage >= DrainStage.CLOSING


class Scrape(Collector):
    """The metrics that are read at each scrape: those of the hub's logs and the connectors' tallies.

    `take()` is called in the event loop, which owns the hub. Then `collect()` is called in a worker thread. `settle` adds
    to the metrics what the fan-out has counted since the last scrape.
    """

    def __init__(
        self,
        logs: Sequence[Log],
        tallies: Mapping[str, Mapping[str, int]],
        *,
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        self._settle = settle
        self._logs = logs
        self._tallies = tallies
        self._metrics: tuple[Metric, ...] = ()

    def take(self) -> None:
        """Read the logs and the tallies now."""
        self._settle()
        events = GaugeMetricFamily("sse_gateway_log_events", "Events held", labels=["source"])
        size = GaugeMetricFamily("sse_gateway_log_bytes", "Weight of the events held", labels=["source"])
        channels = GaugeMetricFamily("sse_gateway_channels", "Channels with events", labels=["source"])
        published = CounterMetricFamily("sse_gateway_events", "Events published", labels=["source"])
        evicted = CounterMetricFamily("sse_gateway_log_evicted", "Events evicted", labels=["source", "reason"])
        for log in self._logs:
            events.add_metric([log.source], len(log.entries))
            size.add_metric([log.source], log.bytes)
            channels.add_metric([log.source], sum(1 for view in log.views.values() if view.entries))
            published.add_metric([log.source], log.published)
            for reason, count in log.evicted.items():
                evicted.add_metric([log.source, reason], count)
        tally = CounterMetricFamily(
            "sse_gateway_source_tally",
            "Messages and requests that the connector refused or skipped, by kind",
            labels=["source", "what"],
        )
        for source, counts in self._tallies.items():
            for what, count in counts.items():
                tally.add_metric([source, what], count)
        self._metrics = (events, size, channels, published, evicted, tally)

    def collect(self) -> Iterator[Metric]:
        """The metrics of the last `take()`."""
        yield from self._metrics
