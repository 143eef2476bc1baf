"""Which host an entity runs on, what a host tells of itself, and the highest level since the onset."""

from __future__ import annotations

import numpy as np
import pytest

from mainstay.correlate.evidence.chart import Map
from mainstay.correlate.evidence.hosts import hosts_of
from mainstay.correlate.evidence.recent import RecentCalls
from mainstay.correlate.evidence.vitals import EVERY_MS, Vitals
from mainstay.domain.entities import Entity, Topology
from mainstay.domain.resources import kind_of_series
from mainstay.domain.signals import MetricBatch, Series


def chart(*rows: tuple[str, str]) -> Map:
    """Entities by id, with the host that each of them names."""
    entities = {}
    for identity, host in rows:
        kind, _, rest = identity.partition(":")
        environment, _, name = rest.rpartition("/")
        entities[identity] = Entity(
            id=identity, kind=kind, name=name, environment=environment, attributes={"host": host} if host else {}  # type: ignore[arg-type]
        )  # fmt: skip
    return Map(Topology(entities=entities), RecentCalls())


def test_whoever_shares_the_host_is_there_too() -> None:
    known = chart(("service:p/a", "n1"), ("service:p/b", "n1"), ("service:p/c", "n2"), ("service:q/d", "n1"),
                  ("database:p/x", ""))  # fmt: skip
    assert hosts_of(["service:p/a", "database:p/x"], known) == {"service:p/a": "host:p/n1", "service:p/b": "host:p/n1"}
    assert hosts_of(["database:p/x", "service:p/unheard"], known) == {}


def test_a_host_that_speaks_for_itself_has_its_own_id() -> None:
    known = chart(("service:p/a", "n1"), ("host:metal/n1", "n1"))
    assert hosts_of(["service:p/a"], known) == {"service:p/a": "host:metal/n1"}
    both = chart(("service:p/a", "n1"), ("host:metal/n1", ""), ("host:p/n1", ""))
    assert hosts_of(["service:p/a"], both) == {"service:p/a": "host:p/n1"}


@pytest.mark.parametrize(
    ("metric", "labels", "kind"),
    [
        ("process.scheduling.delay", (), "delay"),
        ("node_pressure_cpu_waiting_seconds_total.rate", (), "delay"),
        ("node_cpu_seconds_total.rate", (("mode", "steal"),), "delay"),
        ("node_cpu_seconds_total.rate", (("mode", "idle"),), ""),
        ("system.cpu.utilization", (("state", "idle"),), ""),
        ("system.cpu.utilization", (), "cpu"),
        ("node_load1", (), "cpu"),
        ("node_memory_usage", (("state", "cached"),), "memory"),
    ],
)
def test_which_series_tells_of_a_processor(metric: str, labels: tuple[tuple[str, str], ...], kind: str) -> None:
    assert kind_of_series(Series(1, 1, "host:p/n1", metric, labels)) == kind


def test_a_level_that_was_held_since_the_onset_is_remembered_a_single_spike_is_not() -> None:
    vitals, onset = Vitals(), 20
    vitals.learn([Series(0, 10, "service:p/a", "process.scheduling.delay", (), "s")])
    held = [0.01] * onset + [0.9, 0.01, 0.01, 0.08, 0.09, 0.08, 0.01, 0.01, 0.01, 0.01]
    at_ns = np.arange(len(held), dtype=np.int64) * EVERY_MS * 1_000_000 + 1_000_000
    vitals.observe(MetricBatch(np.zeros(len(held), np.uint32), at_ns, np.array(held)))
    [fact] = vitals.facts({"service:p/a"}, onset * EVERY_MS, {})
    assert (fact["before"], fact["now"], fact["peak"]) == (0.01, 0.01, 0.08)
