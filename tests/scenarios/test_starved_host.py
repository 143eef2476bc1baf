"""A busy host makes every call slow at once: the host is named, no bystander and no harmless deploy is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.scenarios.drill import Drill, Fault, deploy, failing, ms, slow, storm
from tests.scenarios.shops import DEEP, SHOPS, WIDE, Shop, entity

from mainstay.automation import load_runbooks
from mainstay.domain.entities import Topology
from mainstay.domain.incidents import Incident
from mainstay.domain.signals import MetricBatch, Normal, Series
from mainstay.intelligence import assess
from mainstay.models.planning import Planner

LATE = {"process.scheduling.delay": (0.05, 0.07)}


def services(shop: Shop) -> list[str]:
    return [name for name in shop.names if ":" not in name]


def on_hosts(shop: Shop, hosts: Sequence[str] = ("rack-1",)) -> Topology:
    """The shop's topology, its services dealt out over hosts."""
    topology = shop.topology()
    entities = dict(topology.entities)
    for place, name in enumerate(services(shop)):
        attributes = {"host": hosts[place % len(hosts)]}
        entities[entity(name)] = msgspec.structs.replace(entities[entity(name)], attributes=attributes)
    return msgspec.structs.replace(topology, entities=entities)


def starved(names: Sequence[str], extra_ms: float = 45.0, levels: Any = LATE) -> list[Fault]:
    return [Fault(name, extra_ms=extra_ms + 3 * place, levels=levels) for place, name in enumerate(names)]


def cries(shop: Shop, names: Sequence[str]) -> list[tuple[float, Any]]:
    """Every call to a starved service is slow: own time a part of it, less the more it calls itself."""
    found: list[tuple[float, Any]] = []
    for caller, callees in [("", (shop.entry,)), *sorted(shop.calls.items())]:
        for callee in callees:
            if callee in names:
                own = 1.0 / (1 + len(shop.calls.get(callee, ())))
                severity = "critical" if not caller else "major"
                found.append(
                    (136 + len(found) % 3, slow(caller, callee, 122, 136, value=300, own=own, severity=severity))
                )
    return found


def told(drill: Drill, faults: Sequence[Fault], script: Sequence[Any], until_s: float = 190) -> Incident:
    drill.run(until_s=until_s, faults=faults, script=script)
    assert len(drill.incidents) == 1, [i.title for i in drill.incidents.values()]
    drill.judges.reperform()
    return next(iter(drill.incidents.values()))


def planned(incident: Incident) -> dict[str, Any]:
    """What the planner makes of the suspects, with every shipped runbook and whatever it wants to know."""
    offers = [
        {"name": r.name, "causes": r.causes, "min_probability": r.min_probability, "needs_change": r.needs_change,
         "enabled": r.enabled}
        for r in load_runbooks("").runbooks.values()
    ]  # fmt: skip
    suspects = [msgspec.to_builtins(s) for s in incident.suspects]
    return Planner({}).decide({"suspects": suspects, "runbooks": offers})


@pytest.mark.parametrize("shop", SHOPS)
@pytest.mark.parametrize("hosts", [("rack-1",), ("rack-1", "rack-2")])
def test_the_host_is_named_and_nothing_is_done(shop: str, hosts: tuple[str, ...]) -> None:
    names = services(SHOPS[shop])
    found = told(Drill(SHOPS[shop], on_hosts(SHOPS[shop], hosts)), starved(names), cries(SHOPS[shop], names))
    first = found.suspects[0]
    assert (first.entity.startswith("host:prod/rack-"), first.cause, first.change) == (True, "host", None)
    assert first.probability > 0.7
    assert all(host in first.says for host in hosts)
    assert planned(found)["runbook"] is None
    cited = {item.id: item for item in found.evidence}
    assert any(cited[e].kind == "metric" for e in first.evidence)


@pytest.mark.parametrize("shop", SHOPS)
def test_harmless_deploys_on_a_starved_host_are_not_blamed(shop: str) -> None:
    names = services(SHOPS[shop])
    deploys = [(60 + 7 * place, deploy(name, 60 + 7 * place)) for place, name in enumerate(names)]
    script = [*deploys, *cries(SHOPS[shop], names)]
    found = told(Drill(SHOPS[shop], on_hosts(SHOPS[shop])), starved(names), script)
    assert found.suspects[0].cause == "host"
    assert all(suspect.change is None for suspect in found.suspects)


def test_a_failing_deploy_on_a_starved_host_is_an_incident_of_its_own() -> None:
    """It began twenty seconds later and its errors are its own: no starved host makes those."""
    names = services(WIDE)
    bad = Fault("pricing", at_s=140, errors=0.4)
    fails = [
        failing(c, e, 142, 156, severity="critical") for c, e in (("cart", "pricing"), ("front", "cart"), ("", "front"))
    ]
    script = [(139, deploy("pricing", 139)), *cries(WIDE, names), *((156, alert) for alert in fails)]
    drill = Drill(WIDE, on_hosts(WIDE))
    drill.run(until_s=190, faults=[*starved(names), bad], script=script)
    drill.judges.reperform()
    host, deployed = drill.open
    assert host.suspects[0].cause == "host"
    assert (deployed.suspects[0].entity, deployed.suspects[0].cause) == (entity("pricing"), "deploy")
    assert {drill.alerts[g.alert].signal for g in deployed.groupings} == {"errors"}


@pytest.mark.parametrize(("shop", "where"), [("wide", "pricing"), ("deep", "offers"), ("deep", "media")])
def test_a_deploy_that_is_slow_far_beyond_its_neighbours_comes_first(shop: str, where: str) -> None:
    names = services(SHOPS[shop])
    bad = Fault(where, extra_ms=500)
    script = [(112, deploy(where, 112)), *cries(SHOPS[shop], names), *storm(SHOPS[shop], bad)]
    found = told(Drill(SHOPS[shop], on_hosts(SHOPS[shop])), [*starved(names, 25.0), bad], script)
    assert (found.suspects[0].entity, found.suspects[0].cause) == (entity(where), "deploy")


@pytest.mark.parametrize("where", ["pricing", "rates", "index"])
def test_one_starved_service_is_that_service(where: str) -> None:
    fault = Fault(where, extra_ms=180, levels={"process.scheduling.delay": (1.0, 0.19)})
    found = told(Drill(WIDE, on_hosts(WIDE)), [fault], storm(WIDE, fault))
    assert (found.suspects[0].entity, found.suspects[0].cause) == (entity(where), "cpu")


@pytest.mark.parametrize("database", ["db:ledger", "db:session"])
def test_a_locked_database_is_not_its_users_host(database: str) -> None:
    fault = Fault(database, extra_ms=800, errors=0.2)
    found = told(Drill(DEEP, on_hosts(DEEP)), [fault], storm(DEEP, fault))
    assert (found.suspects[0].entity, found.suspects[0].cause) == (entity(database), "database")


def test_services_that_are_late_without_being_slow_are_no_cause() -> None:
    names = services(WIDE)
    bad = Fault("pricing", extra_ms=400)
    script = [(112, deploy("pricing", 112)), *storm(WIDE, bad)]
    found = told(Drill(WIDE, on_hosts(WIDE)), [*starved(names, 0.0), bad], script)
    assert (found.suspects[0].entity, found.suspects[0].cause) == (entity("pricing"), "deploy")


def test_only_the_starved_one_of_two_hosts_is_named() -> None:
    names = services(WIDE)
    here = names[::2]
    found = told(Drill(WIDE, on_hosts(WIDE, ("rack-1", "rack-2"))), starved(here), cries(WIDE, here))
    assert (found.suspects[0].entity, found.suspects[0].cause) == ("host:prod/rack-1", "host")
    assert "rack-2" not in found.suspects[0].says


class Exporter(Drill):
    """A host that tells of itself, on which no service says how late it wakes."""

    metric, usual, starved = "node_pressure_cpu_waiting_seconds_total.rate", 0.05, 0.8

    def _levels(self, at_s: float, faults: Sequence[Fault]) -> tuple[tuple[Series, ...], MetricBatch]:
        slot, new = 900, (Series(900, 1900, "host:prod/rack-1", self.metric),)
        value = self.starved if at_s > 120 else self.usual
        batch = MetricBatch(np.array([slot], np.uint32), np.array([ms(at_s) * 10**6]), np.array([value]))
        return (new if at_s <= 5 else ()), batch


@pytest.mark.parametrize(
    ("metric", "usual", "high"),
    [
        ("node_pressure_cpu_waiting_seconds_total.rate", 0.05, 0.8),
        ("system.cpu.utilization", 0.4, 0.99),
        ("node_load1", 1.2, 14.0),
    ],
)
def test_a_host_that_says_so_itself_needs_no_word_of_its_services(metric: str, usual: float, high: float) -> None:
    drill = Exporter(DEEP, on_hosts(DEEP))
    drill.metric, drill.usual, drill.starved = metric, usual, high
    names = services(DEEP)
    found = told(drill, starved(names, levels={}), cries(DEEP, names))
    assert (found.suspects[0].entity, found.suspects[0].cause) == ("host:prod/rack-1", "host")
    assert metric in found.suspects[0].says


def test_it_stays_named_when_the_host_is_calm_again() -> None:
    names = services(WIDE)
    drill = Drill(WIDE, on_hosts(WIDE))
    drill.run(until_s=165, faults=starved(names), script=cries(WIDE, names))
    late = slow("cart", "orders", 170, 184, value=120, own=0.9)
    drill.run(until_s=230, since_s=165, script=[(184, late), (190, deploy("orders", 190))])
    assert next(iter(drill.incidents.values())).suspects[0].cause == "host"


def test_a_person_may_rule_the_host_out() -> None:
    names = services(WIDE)
    drill = Drill(WIDE, on_hosts(WIDE))
    found = told(drill, starved(names), cries(WIDE, names))
    drill.say("verdict", found.id, 191, kind="wrong-cause")
    drill.record(Normal(), 192)
    assert all(s.cause != "host" for s in drill.incidents[found.id].suspects)


def test_it_is_as_grave_as_what_users_feel() -> None:
    names = services(WIDE)
    drill = Drill(WIDE, on_hosts(WIDE))
    script = [(at, msgspec.structs.replace(a, severity="minor" if a.call[0] == "" else "critical"))
              for at, a in cries(WIDE, names)]  # fmt: skip
    found = told(drill, starved(names), script)
    topology = msgspec.structs.replace(drill.topology, entities={})
    said = assess(found, topology, drill.stage.alerts_of(found.id), (), ms(190))
    assert said.severity == "minor"
    assert "host" in said.title


def test_silence_on_a_starved_host_is_lateness_unless_callers_fail() -> None:
    names = services(WIDE)
    quiet = Fault("index", at_s=121, is_silent=True)
    found = told(Drill(WIDE, on_hosts(WIDE)), [*starved(names), quiet], cries(WIDE, names))
    assert found.suspects[0].cause == "host"
    assert all(s.cause != "dependency" for s in found.suspects)


def test_a_slow_deploy_after_the_host_was_starved_comes_first_though_its_service_was_slow_before() -> None:
    names = services(WIDE)
    bad = Fault("pricing", at_s=145, extra_ms=500)
    script = [(144, deploy("pricing", 144)), *cries(WIDE, names)]
    found = told(Drill(WIDE, on_hosts(WIDE)), [*starved(names), bad], script)
    assert (found.suspects[0].entity, found.suspects[0].cause) == (entity("pricing"), "deploy")


@pytest.mark.parametrize("database", ["db:ledger", "db:session"])
def test_a_locked_database_stays_first_when_its_users_host_is_starved_too(database: str) -> None:
    fault, names = Fault(database, extra_ms=800, errors=0.2), services(DEEP)
    script = [*cries(DEEP, names), *storm(DEEP, fault)]
    found = told(Drill(DEEP, on_hosts(DEEP)), [*starved(names), fault], script)
    assert (found.suspects[0].entity, found.suspects[0].cause) == (entity(database), "database")


def test_a_stopped_service_on_a_starved_host_comes_first() -> None:
    names = services(WIDE)
    gone = Fault("index", at_s=135, errors=1.0, stops_ms=1000, is_silent=True,
                 lines=(("search", "index did not answer GET / within 1000 ms"),))  # fmt: skip
    fails = [failing(c, e, 138, 150, severity="critical") for c, e in (("search", "index"), ("front", "search"))]
    script = [*cries(WIDE, names), *((150, alert) for alert in fails)]
    found = told(Drill(WIDE, on_hosts(WIDE)), [*starved(names), gone], script)
    assert (found.suspects[0].entity, found.suspects[0].cause) == (entity("index"), "dependency")
