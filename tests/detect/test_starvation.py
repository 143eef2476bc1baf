"""Which hosts are starved of processor time, by what processes and hosts say, and what a measurement is worth then."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from mainstay.detect.starvation import USUAL_MS, Starved
from mainstay.domain.entities import Entity, Topology
from mainstay.domain.series import SeriesColumns
from mainstay.domain.signals import MetricBatch, Series

AT_MS = 1_767_225_600_000
SERVICES = [f"service:lab/s{i}" for i in range(3)]
HOST = "host:lab/h1"
DELAY, PRESSURE = "process.scheduling.delay", "node_pressure_cpu_waiting_seconds_total.rate"


def topology(*, is_housed: bool = True) -> Topology:
    found = {
        name: Entity(
            id=name,
            kind="service",
            name=name[-2:],
            environment="lab",
            attributes={"host": "h1"} if is_housed else {},
        )
        for name in [*SERVICES, "service:lab/quiet"]
    }
    return Topology(entities={**found, HOST: Entity(id=HOST, kind="host", name="h1", environment="lab")})


def watching(metric: str = DELAY, entities: Sequence[str] = SERVICES) -> Starved:
    starved = Starved()
    starved.learn(SeriesColumns.of([Series(i, 7 + i, name, metric, (), "s") for i, name in enumerate(entities)]))
    return starved


def say(starved: Starved, values: list[float], at_ms: int = AT_MS, times: int = 3) -> None:
    for k in range(times):
        at = np.full(len(values), (at_ms - 2_000 * (times - 1 - k)) * 1_000_000)
        starved.observe(MetricBatch(np.arange(len(values), dtype=np.uint32), at, np.array(values)))


def test_who_wakes_in_time_counts_fully() -> None:
    starved = watching()
    say(starved, [0.002, 0.003, 0.002])
    assert starved.worth(topology(), AT_MS) == {}


def test_a_starved_host_discounts_all_that_run_on_it() -> None:
    starved = watching()
    say(starved, [0.03, 0.02, 0.04])
    found = starved.worth(topology(), AT_MS)
    assert set(found) == {*SERVICES, "service:lab/quiet", HOST}
    assert all(worth == pytest.approx(1 / (1 + 3.0**2)) for worth in found.values())  # the middle one: 30 ms


def test_one_late_service_is_not_a_starved_host() -> None:
    starved = watching()
    say(starved, [0.4, 0.002, 0.002])
    assert starved.worth(topology(), AT_MS) == {}


def test_one_late_sample_is_not_starvation() -> None:
    starved = watching(entities=SERVICES[:1])
    say(starved, [0.002])
    say(starved, [0.5], AT_MS + 2_000, times=1)
    assert starved.worth(topology(is_housed=False), AT_MS + 2_000) == {}


def test_without_a_host_each_speaks_for_itself() -> None:
    starved = watching()
    say(starved, [0.05, 0.002, 0.002])
    assert set(starved.worth(topology(is_housed=False), AT_MS)) == {SERVICES[0]}


def test_a_host_that_tells_of_pressure_speaks_for_its_services() -> None:
    starved = watching(PRESSURE, [HOST])
    say(starved, [0.6])
    found = starved.worth(topology(), AT_MS)
    assert set(found) == {*SERVICES, "service:lab/quiet", HOST}
    assert found[SERVICES[0]] == pytest.approx(0.1)


def test_what_was_said_long_ago_says_nothing_of_now() -> None:
    starved = watching()
    say(starved, [0.05, 0.05, 0.05])
    assert starved.worth(topology(), AT_MS + 60_000) == {}


def test_what_goes_on_for_hours_is_how_the_host_is() -> None:
    starved = watching()
    for at_ms in range(AT_MS, AT_MS + USUAL_MS + 1, 600_000):
        say(starved, [0.05, 0.05, 0.05], at_ms)
        is_usual = at_ms - AT_MS >= USUAL_MS
        assert bool(starved.worth(topology(), at_ms)) is not is_usual
    say(starved, [0.001] * 3, AT_MS + USUAL_MS + 5_000)
    assert starved.worth(topology(), AT_MS + USUAL_MS + 5_000) == {}
    say(starved, [0.05] * 3, AT_MS + USUAL_MS + 20_000)
    assert starved.worth(topology(), AT_MS + USUAL_MS + 20_000)  # it begins anew


def test_other_metrics_and_numbers_that_are_none_are_left_alone() -> None:
    starved = watching("queue.depth")
    say(starved, [9.0, 9.0, 9.0])
    assert starved.witnesses == {}
    starved = watching()
    say(starved, [float("nan"), float("nan"), -1.0])
    assert starved.worth(topology(), AT_MS) == {}


def test_a_slot_that_another_series_got_forgets_the_one_before() -> None:
    starved = watching()
    say(starved, [0.05, 0.05, 0.05])
    starved.learn(SeriesColumns.of([Series(0, 99, SERVICES[0], DELAY, (("mode", "x"),), "s")]))
    assert starved.witnesses[0].newest  # the same one, told again after a restart
    starved.learn(SeriesColumns.of([Series(0, 99, SERVICES[2], DELAY, (), "s")]))
    assert starved.witnesses[0].newest == []


def test_a_restart_goes_on_with_the_same() -> None:
    starved = watching()
    say(starved, [0.03, 0.03, 0.03])
    starved.worth(topology(), AT_MS)
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(starved), type=Starved)
    assert again == starved
    assert again.worth(topology(), AT_MS + 5_000) == starved.worth(topology(), AT_MS + 5_000)
