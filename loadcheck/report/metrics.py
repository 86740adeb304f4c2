"""Prometheus metrics while a run goes on, read from the tally when somebody asks: nothing is done per exchange."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from prometheus_client import CollectorRegistry, Counter, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from loadcheck.errors import EnvironmentProblem
from loadcheck.judge.findings import Finding
from loadcheck.record.counts import Counts
from loadcheck.record.tally import Tally
from loadcheck.run.observer import Gauges, Observer

_QUANTILES: Final = {"0.5": 50.0, "0.9": 90.0, "0.99": 99.0, "0.999": 99.9}


class Metrics(Observer):
    """Serves the figures of a run at `/metrics` for as long as it is entered, and tells another observer everything.

    Args:
        observer: The other one.
        host: Where to listen.
        port: The same.

    Raises:
        EnvironmentProblem: on entering, when nothing can listen there.
    """

    def __init__(self, observer: Observer, host: str, port: int) -> None:
        self._observer = observer
        self._at = (host, port)
        self._registry = CollectorRegistry(auto_describe=False)
        self._findings = Counter("loadcheck_findings", "Findings: violations that differ", registry=self._registry)

    def __enter__(self) -> Self:
        host, port = self._at
        try:
            self._server, self._thread = start_http_server(port, host, self._registry)
        except OSError as error:
            raise EnvironmentProblem(
                f"the metrics cannot be served at {host}:{port}: {error.strerror or error}",
                "Name another port, or an address of this machine: --metrics 127.0.0.1:9464",
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def step(self, text: str) -> None:
        """Pass it on."""
        self._observer.step(text)

    def started(self, tally: Tally, gauges: Gauges) -> None:
        """Serve from now on what the tally counts."""
        self._registry.register(_Figures(tally, gauges))
        self._observer.started(tally, gauges)

    def finding(self, finding: Finding) -> None:
        """Count it, and pass it on."""
        self._findings.inc()
        self._observer.finding(finding)

    def finished(self) -> None:
        """Pass it on."""
        self._observer.finished()


@dataclass(frozen=True, slots=True)
class _Figures(Collector):
    """Reads the figures, from a thread of its own."""

    tally: Tally
    gauges: Gauges

    def collect(self) -> Iterator[Metric]:
        """Yield every figure as it is now."""
        yield self._exchanges()
        yield self._latency()
        missed = sum(phase.missed for phase in self.tally.phases)
        yield CounterMetricFamily("loadcheck_missed_arrivals", "Arrivals that could not be sent", missed)
        yield _gauge("loadcheck_in_flight", "Exchanges sent and not yet done", self.gauges.in_flight())
        yield _gauge("loadcheck_faults_on", "Faults of the target that are on", self.gauges.faults())
        yield _gauge("loadcheck_memory_bytes", "Memory of loadcheck", self.gauges.memory() * 1e6)
        yield _gauge("loadcheck_elapsed_seconds", "Seconds since the run's start", self.gauges.now())
        if (reached := self.gauges.reached()) is not None:
            yield _gauge("loadcheck_backends", "Backends seen so far", reached.backends)
            yield CounterMetricFamily("loadcheck_handoffs", "Handoffs between identities", reached.handoffs)

    def _exchanges(self) -> Metric:
        family = CounterMetricFamily("loadcheck_exchanges", "Exchanges by verdict", labels=["verdict"])
        counts = Counts.sum([self.tally.counts, self.tally.warm_up])
        for verdict in ("ok", "violation", "unknown"):
            family.add_metric([verdict], getattr(counts, verdict))
        return family

    def _latency(self) -> Metric:
        """Quantiles of the measured phases so far."""
        told = "Latency from the intended start, in the measured phases"
        family = GaugeMetricFamily("loadcheck_latency_seconds", told, labels=["quantile"])
        for quantile, percent in _QUANTILES.items():
            value = self.tally.latency.percentile(percent)
            if value is not None:
                family.add_metric([quantile], value)
        return family


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(name, told, value)
