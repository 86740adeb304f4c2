"""Prometheus metrics of a run, as a scraper sees them."""

import signal
import socket
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from loadcheck.stack.ports import free_ports
from tests.cli.command import PATIENCE_S, SCENARIOS, loadcheck, read_until, started, summary
from tests.stack.watching import becomes

CLEAN = SCENARIOS / "leaks" / "A1" / "fixed.yaml"
ENDLESS = (
    "--set",
    "load=[{name: on, concurrency: 4, duration: 10m}]",
    "--set",
    "thresholds={}",
    "--set",
    "hunt.share=0",
)


def served(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return str(answer.read().decode())


def scraped(port: int) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(served(port))
    samples = (sample for family in families for sample in family.samples)
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


def test_what_a_run_counts_is_scraped_while_it_goes_on(tmp_path: Path) -> None:
    (port,), ok = free_ports(1), ("loadcheck_exchanges_total", "ok")
    with started("run", CLEAN, *ENDLESS, "--metrics", port, "--out", tmp_path / "run") as process:
        read_until(process, "on: concurrency 4")
        # Handoffs are counted in a row, and so later than the exchanges: within a second.
        assert becomes(lambda: scraped(port)[ok] > 100 and scraped(port).get(("loadcheck_handoffs_total",), 0.0) > 0)
        earlier, later = scraped(port), scraped(port)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    assert 100 < earlier[ok] <= later[ok] <= summary(tmp_path / "run")["exchanges"]["ok"]
    assert later["loadcheck_exchanges_total", "violation"] == later[("loadcheck_findings_total",)] == 0
    assert 0 < later["loadcheck_latency_seconds", "0.5"] <= later["loadcheck_latency_seconds", "0.99"]
    assert later[("loadcheck_handoffs_total",)] > 0
    assert later[("loadcheck_backends",)] > 0
    assert later[("loadcheck_in_flight",)] <= 4
    assert later[("loadcheck_memory_bytes",)] > 10e6
    assert later[("loadcheck_missed_arrivals_total",)] == later[("loadcheck_faults_on",)] == 0


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = loadcheck("run", CLEAN, "--metrics", f"127.0.0.1:{port}")
    assert ended.code == 5
    assert f"the metrics cannot be served at 127.0.0.1:{port}: Address already in use" in ended.text


def test_what_is_no_port_is_a_mistake() -> None:
    ended = loadcheck("run", CLEAN, "--metrics", "host:99999")
    assert ended.code == 4
    assert "'host:99999' is not a port: write it like 9464 or 0.0.0.0:9464" in ended.text
