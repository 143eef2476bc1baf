"""One fault, one storm, one incident, and the cause on rank one; on two shops of different shape."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.scenarios.drill import Drill, Fault, deploy, failing, metric, slow, storm
from tests.scenarios.shops import DEEP, SHOPS, WIDE, Shop, entity

from mainstay.domain.incidents import Incident

PLACES = [("wide", "pricing"), ("wide", "rates"), ("wide", "index"), ("deep", "offers"), ("deep", "ledger"),
          ("deep", "media"), ("deep", "catalogue"), ("wide", "cart")]  # fmt: skip


def only(drill: Drill) -> Incident:
    assert len(drill.incidents) == 1, [i.title for i in drill.incidents.values()]
    drill.judges.reperform()
    return next(iter(drill.incidents.values()))


def blamed(incident: Incident) -> tuple[str, str]:
    assert incident.suspects, "nobody is suspected"
    assert sum(s.probability for s in incident.suspects) <= 1.0
    return incident.suspects[0].entity, incident.suspects[0].cause


def run(shop: Shop, fault: Fault, script: list, **rest) -> Incident:
    drill = Drill(shop, **rest)
    drill.run(until_s=180, faults=[fault], script=script)
    return only(drill)


@pytest.mark.parametrize(("shop", "where"), PLACES)
def test_a_slow_deploy(shop: str, where: str) -> None:
    fault = Fault(where, extra_ms=400)
    found = run(SHOPS[shop], fault, [(112, deploy(where, 112)), *storm(SHOPS[shop], fault)])
    assert blamed(found) == (entity(where), "deploy")
    assert found.suspects[0].change == f"deploy-{where}-112"
    assert found.suspects[0].probability > 0.7


@pytest.mark.parametrize(("shop", "where"), PLACES)
def test_a_failing_deploy(shop: str, where: str) -> None:
    fault = Fault(where, errors=0.35)
    found = run(SHOPS[shop], fault, [(115, deploy(where, 115)), *storm(SHOPS[shop], fault, errors=True)])
    assert blamed(found) == (entity(where), "deploy")


@pytest.mark.parametrize(("shop", "where"), PLACES)
def test_a_bad_configuration_with_too_low_a_limit(shop: str, where: str) -> None:
    fault = Fault(where, errors=0.6)
    change = deploy(where, 116, kind="config", version="r7", previous="r6")
    found = run(SHOPS[shop], fault, [(116, change), *storm(SHOPS[shop], fault, errors=True)])
    assert blamed(found) == (entity(where), "config")


@pytest.mark.parametrize(
    ("shop", "caller", "callee"),
    [("wide", "cart", "pricing"), ("deep", "api", "session"), ("deep", "offers", "ledger")],
)
def test_a_caller_whose_new_timeout_is_too_short_is_not_blamed_on_its_callee(
    shop: str, caller: str, callee: str
) -> None:
    fault = Fault(callee, errors=0.5, only_from=caller)
    change = deploy(caller, 117, kind="config", version="r7", previous="r6")
    found = run(SHOPS[shop], fault, [(117, change), *storm(SHOPS[shop], fault, errors=True)])
    assert blamed(found) == (entity(caller), "config")


def test_a_wrong_address_is_not_blamed_on_who_lives_at_the_right_one() -> None:
    shop = replace(WIDE, calls={**WIDE.calls, "profile": ("db:main", "pricing")})
    lines = (("cart", "GET /price failed: pricing at 10.0.0.9:80: [Errno 111] Connection refused"),)
    fault = Fault("pricing", errors=1.0, only_from="cart", lines=lines)
    change = deploy("cart", 122, kind="config", version="r7", previous="r6")
    fewer = slow("profile", "pricing", 125, 150, signal="traffic", severity="minor")  # users gave up before that step
    found = run(shop, fault, [(122, change), *storm(shop, fault, errors=True), (150, fewer)])
    assert blamed(found) == (entity("cart"), "config")


@pytest.mark.parametrize(("shop", "where"), PLACES)
def test_a_leak_without_a_change(shop: str, where: str) -> None:
    fault = Fault(where, extra_ms=250, levels={"process.memory.usage": (3e6, 1.2e8)})
    leak = metric(where, "process.memory.usage", 125, 141)
    found = run(SHOPS[shop], fault, [(141, leak), *storm(SHOPS[shop], fault)])
    assert blamed(found) == (entity(where), "memory")


def test_a_leak_that_came_with_a_deploy_is_the_deploy() -> None:
    fault = Fault("pricing", extra_ms=250, levels={"process.memory.usage": (3e6, 1.2e8)})
    leak = metric("pricing", "process.memory.usage", 125, 141)
    found = run(WIDE, fault, [(105, deploy("pricing", 105)), (141, leak), *storm(WIDE, fault)])
    assert blamed(found) == (entity("pricing"), "deploy")


@pytest.mark.parametrize(("shop", "where"), PLACES)
def test_a_starved_processor(shop: str, where: str) -> None:
    fault = Fault(where, extra_ms=180, levels={"process.scheduling.delay": (1.0, 0.19)})
    found = run(SHOPS[shop], fault, storm(SHOPS[shop], fault))
    assert blamed(found) == (entity(where), "cpu")


@pytest.mark.parametrize(("shop", "database"), [("wide", "db:main"), ("deep", "db:ledger"), ("deep", "db:session")])
def test_a_locked_database(shop: str, database: str) -> None:
    users = [name for name, callees in SHOPS[shop].calls.items() if database in callees]
    lines = tuple((user, "OperationalError: database is locked") for user in users)
    fault = Fault(database, extra_ms=800, errors=0.2, lines=lines)
    found = run(SHOPS[shop], fault, storm(SHOPS[shop], fault))
    assert blamed(found) == (entity(database), "database")


@pytest.mark.parametrize(
    ("shop", "where"), [("wide", "rates"), ("wide", "index"), ("deep", "ledger"), ("deep", "session")]
)
def test_a_dependency_that_is_gone(shop: str, where: str) -> None:
    callers = [name for name, callees in SHOPS[shop].calls.items() if where in callees]
    lines = tuple((caller, f"{where} did not answer GET / within 1000 ms") for caller in callers)
    fault = Fault(where, errors=1.0, stops_ms=1000, is_silent=True, lines=lines)
    found = run(SHOPS[shop], fault, storm(SHOPS[shop], fault, errors=True))
    assert blamed(found) == (entity(where), "dependency")


def test_a_queue_that_is_not_worked_off_is_its_consumer() -> None:
    fault = Fault("queue:mail", levels={"messaging.queue.depth": (3.0, 400.0)})
    held = Fault("mailer", extra_ms=1900, levels={"process.scheduling.delay": (1.0, 1.9)})
    drill = Drill(WIDE)
    script = [(140, metric("queue:mail", "messaging.queue.depth", 124, 140, value=60, severity="major")),
              (146, slow("queue:mail", "mailer", 122, 146, value=2100, own=1.0))]  # fmt: skip
    drill.run(until_s=190, faults=[fault, held], script=script)
    assert blamed(only(drill)) == (entity("mailer"), "queue")


@pytest.mark.parametrize(("shop", "where"), PLACES)
def test_a_full_disk(shop: str, where: str) -> None:
    lines = ((where, "OSError: [Errno 28] No space left on device"),)
    fault = Fault(where, errors=0.5, lines=lines, levels={"system.filesystem.utilization": (0.1, 0.7)})
    found = run(SHOPS[shop], fault, storm(SHOPS[shop], fault, errors=True))
    assert blamed(found) == (entity(where), "disk")


@pytest.mark.parametrize(("shop", "where"), PLACES)
def test_harmless_deploys_elsewhere_attract_no_blame(shop: str, where: str) -> None:
    fault = Fault(where, extra_ms=300, levels={"process.scheduling.delay": (1.0, 0.19)})
    others = [n for n in SHOPS[shop].names if n != where and ":" not in n]
    decoys = [(90 + i, deploy(name, 90 + i, version="v9")) for i, name in enumerate(others)]
    found = run(SHOPS[shop], fault, [*decoys, *storm(SHOPS[shop], fault)])
    assert blamed(found) == (entity(where), "cpu")


@pytest.mark.parametrize(("shop", "where"), PLACES)
def test_a_change_after_the_onset_is_not_the_cause_and_ours_never(shop: str, where: str) -> None:
    fault = Fault(where, extra_ms=300)
    late = deploy(where, 150, version="v9")
    ours = deploy(where, 110, version="v8", by_mainstay=True)
    found = run(SHOPS[shop], fault, [(110, ours), (150, late), *storm(SHOPS[shop], fault)])
    assert all(s.change is None for s in found.suspects)
    assert blamed(found)[0] == entity(where)


@pytest.mark.parametrize(("shop", "where"), PLACES)
def test_a_service_graph_that_lacks_an_edge_or_holds_a_false_one(shop: str, where: str) -> None:
    chosen = SHOPS[shop]
    fault = Fault(where, extra_ms=400)
    missing = {(c, where) for c, callees in chosen.calls.items() if where in callees}
    wrong = ((where, next(n for n in chosen.names if n not in chosen.above(where) and n != where)),)
    found = run(chosen, fault, [(112, deploy(where, 112)), *storm(chosen, fault)],
                topology=chosen.topology(missing=missing, wrong=wrong), unseen=missing)  # fmt: skip
    assert blamed(found) == (entity(where), "deploy")


def test_thin_evidence_is_called_thin() -> None:
    drill = Drill(DEEP)
    lone = failing("", "edge", 122, 140)
    drill.run(until_s=150, script=[(140, lone)])
    found = only(drill)
    assert not found.suspects or found.suspects[0].probability < 0.7


@pytest.mark.parametrize(
    ("shop", "where", "below"),
    [("wide", "rates", "db:main"), ("deep", "ledger", "db:ledger"), ("deep", "media", "db:media")],
)
def test_a_starved_service_sees_its_database_slow_and_is_not_believed(shop: str, where: str, below: str) -> None:
    chosen = SHOPS[shop]
    starved = Fault(where, extra_ms=110, levels={"process.scheduling.delay": (1.0, 0.19)})
    seen = Fault(below, extra_ms=140, only_from=where)
    alerts = [(138, slow(where, below, 122, 138, value=150)), *storm(chosen, starved)]
    drill = Drill(chosen)
    drill.run(until_s=190, faults=[starved, seen], script=[(at, a) for at, a in alerts])
    assert blamed(only(drill)) == (entity(where), "cpu")


def test_a_hint_that_is_hours_old_does_not_excuse_a_deploy_after_it() -> None:
    fault = Fault("pricing", at_s=420, extra_ms=400)
    drill = Drill(WIDE)
    odd = metric("pricing", "process.open_file_descriptor.count", 60, 80)
    drill.run(until_s=480, faults=[fault], script=[(80, odd), (412, deploy("pricing", 412)), *storm(WIDE, fault)])
    assert blamed(only(drill)) == (entity("pricing"), "deploy")
