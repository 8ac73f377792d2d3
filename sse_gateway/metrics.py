"""What the gateway counts and shows at `/metrics`. Everything is named `sse_gateway_...` and counted per batch or per
flush, never per delivery: one increment costs as much as half a delivery.

Labels are names from the configuration (sources, route templates) and fixed words (reasons), so their number is bounded.
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
    """How far the shutdown is: the values of `sse_gateway_drain_stage`."""

    RUNNING = 0
    UNREADY = 1
    """Readiness answers 503; clients are still accepted, for as long as the balancer needs to see it."""
    CLOSING = 2
    """The public port is closed; sources that cannot be replayed stop."""
    FAREWELLS = 3
    """Every client is told to come back, and when."""
    SOURCES = 4
    """The replayable sources stop; what they published is acknowledged."""
    DONE = 5


_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""From the millisecond of an idle gateway to the seconds of one that is overrun; 50 ms is the longest flush window."""


class Metrics:
    """All counters of one gateway, in a registry of its own, so that two gateways can live in one process (tests do)."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for every counter, which nobody reads
        self.registry = registry or CollectorRegistry()
        counter = partial(Counter, namespace="sse_gateway", registry=self.registry)
        gauge = partial(Gauge, namespace="sse_gateway", registry=self.registry)
        histogram = partial(Histogram, namespace="sse_gateway", registry=self.registry)

        self.source_up = gauge("source_up", "1 while the source is connected", ["source"])
        self.source_messages = counter("source_messages", "Messages received from the upstream", ["source"])
        self.source_failures = counter("source_failures", "Connections lost or refused", ["source"])
        self.source_unmappable = counter(
            "source_unmappable",
            "Messages that became no event, or (substituted) not as they were",
            ["source", "reason"],
        )
        self.source_breaks = counter("source_breaks", "Losses upstream of the gateway", ["source", "reason"])

        self.clients = gauge("clients", "Open streams", ["route"])
        self.clients_opened = counter("clients_opened", "Streams opened", ["route"])
        self.clients_closed = counter("clients_closed", "Streams ended, by either side", ["route", "reason"])
        self.clients_refused = counter("clients_refused", "Requests for a stream that were put off", ["reason"])
        self.clients_lagging = gauge("clients_lagging", "Clients that are blocked or behind")
        self.lag_events = gauge("lag_events", "Events between the slowest client and the head of its channels")
        self.lag_bytes = gauge("lag_bytes", "Bytes between the slowest client and the head of its channels")

        self.deliveries = counter("deliveries", "Events handed to clients, once for each client")
        self.sent_bytes = counter("sent_bytes", "Bytes of bodies handed to clients")
        self.flushes = counter("flushes", "Rounds in which what was new went to the clients")
        self.sends = counter("sends", "ASGI messages sent")
        self.encodings = counter("encodings", "Events put into wire form")
        self.joins = counter("joins", "Messages made out of one event or more")
        self.send_timeouts = counter("send_timeouts", "Writes that outlasted limits.send_timeout")
        self.evictions = counter("evictions", "Clients that the gateway disconnected", ["reason"])
        self.gaps = counter("gaps", "Gaps announced to clients", ["reason"])
        self.resumes = counter("resumes", "Requests to resume, by what came of them", ["outcome"])
        self.flush_window = gauge("flush_window_seconds", "Wait between flushes; 0 while clients keep up")
        self.delivery_latency = histogram(
            "delivery_latency_seconds", "From the arrival of a message to the write of its event", buckets=_LATENCY
        )
        self.drain_stage = gauge("drain_stage", ", ".join(f"{stage} {stage.name.lower()}" for stage in DrainStage))

        # Whose words are known is there from the start: a rate does not see a counter that begins at 1.
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


class Scrape(Collector):
    """What others already count, read at each scrape: the hub's logs and the connectors' tallies.

    `take()` is called in the event loop, which owns the hub, before `collect()` is called in a worker thread. `settle` adds
    to the metrics what the fan-out has counted since it last did so.
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
        self._metrics = (*self._log(), self._tally())

    def collect(self) -> Iterator[Metric]:
        """The metrics of the last `take()`."""
        yield from self._metrics

    def _log(self) -> tuple[Metric, ...]:
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
        return events, size, channels, published, evicted

    def _tally(self) -> Metric:
        tally = CounterMetricFamily(
            "sse_gateway_source_tally", "What the connector refused, dropped or met", labels=["source", "what"]
        )
        for source, counts in self._tallies.items():
            for what, count in counts.items():
                tally.add_metric([source, what], count)
        return tally
