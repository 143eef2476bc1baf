"""Error budgets, health, and priorities: with reasons, over a restart, and never healthy in silence."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.domain.alerts import Alert
from mainstay.domain.changes import ChangeImpact
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Edge, Entity, Topology
from mainstay.domain.models import VersionRef
from mainstay.domain.outlook import Outlook, OutlookState
from mainstay.domain.services import Burn
from mainstay.domain.signals import EdgeWindow, Normal
from mainstay.intelligence.services import Services
from mainstay.intelligence.services.budgets import HOURS, MINUTES, Spent
from mainstay.intelligence.services.health import Known, health_of
from mainstay.intelligence.services.priority import Callers, priority_of

T0 = 1_700_000_000_000
PAY = Entity(id="service:p/pay", kind="service", name="pay", environment="p", tier=1, owner="money", objective=99.0)
CART = Entity(id="service:p/cart", kind="service", name="cart", environment="p")
SHOP = Topology(
    entities={one.id: one for one in (PAY, CART)},
    edges=(Edge(caller=CART.id, callee=PAY.id), Edge(caller=PAY.id, callee=CART.id)),  # a circle
)


def calls(callee, count, errors, at_ms=T0):
    until_ns = at_ms * 1_000_000
    return EdgeWindow("", callee, until_ns - 5_000_000_000, until_ns, count, errors, None, None)


def alert(name="a1", **more):
    given = {
        "id": name, "fingerprint": name, "entity": PAY.id, "name": "slow", "severity": "major", "status": "firing",
        "since_ms": T0, "at_ms": T0, "decided_by": VersionRef("edges", 1), "p_value": 1e-6, **more,
    }  # fmt: skip
    return Alert(**given)


@pytest.fixture
def heard():
    return {PAY.id: T0, CART.id: T0}


@pytest.fixture
def services(heard):
    return Services(heard.get)


def look(services, *edges, at_ms=T0, effects=None):
    effects = effects or Effects()
    services.apply(Normal(edges=edges), SHOP, at_ms, effects)
    services.saw(effects)
    services.apply(Normal(), SHOP, at_ms + 10_000, Effects())
    return {one.name: one for one in services.standing}


def test_what_fails_against_what_may_fail(services):
    found = look(services, calls(PAY.id, 900, 0), calls(PAY.id, 100, 60), calls(CART.id, 10, 0))
    burn = found["pay"].burn
    assert (burn.objective, burn.is_default, burn.rate_5m, burn.rate_1h) == (99.0, False, 6.0, 6.0)
    assert burn.budget_left == -5.0
    assert found["cart"].burn.is_default
    assert [reason.name for reason in found["pay"].reasons] == ["burn", "budget"]
    assert "6.0 times as fast as it may" in found["pay"].reasons[0].says
    assert (found["pay"].health, found["pay"].status) == (65, "degraded")


def test_operations_and_what_is_no_service_spend_nothing(services):
    whole = calls(PAY.id, 10, 0)
    operation = EdgeWindow("", PAY.id, 0, T0 * 1_000_000, 10, 10, None, None, operation="GET /")
    found = look(services, whole, operation, calls("database:p/db", 5, 5))
    assert (found["pay"].burn.requests, found["pay"].burn.errors) == (10, 0)
    assert services.burns("database:p/db", T0) is None


def test_a_fast_burn_that_is_over_is_no_fast_burn():
    spent = Spent(T0)
    spent.add(T0, 1000, 100)
    spent.add(T0 + 600_000, 1000, 0)
    burn = spent.burn(99.0, T0 + 600_000)
    assert (burn.rate_5m, burn.rate_1h) == (0.0, 5.0)
    assert "burn" not in {one.name for one in health_of(PAY, Known(burn=burn, heard_ms=T0), T0).reasons}


def test_what_is_kept_is_bounded_and_the_old_does_not_count():
    spent = Spent(T0)
    for hour in range(HOURS + 30):
        spent.add(T0 + hour * 3_600_000, 1, 1)
    assert (len(spent.hours), len(spent.minutes)) == (HOURS, MINUTES)
    assert spent.burn(None, T0 + 9_000 * 3_600_000) == Burn(since_ms=T0)


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 50)), max_size=40))
def test_every_request_is_counted_once_whatever_the_order(windows):
    spent = Spent(T0)
    for at_ms, count in windows:
        spent.add(T0 + at_ms, count, count // 2)
    assert sum(row[1] for row in spent.hours) == sum(count for _, count in windows)
    assert [row[0] for row in spent.hours] == sorted({row[0] for row in spent.hours})


def test_silence_is_unknown_and_never_healthy(services, heard):
    heard.clear()
    found = look(services, calls(PAY.id, 10, 0))["pay"]
    assert (found.health, found.status, found.reasons[0].says) == (None, "unknown", "nothing was ever heard of it")
    heard[PAY.id] = T0 - 600_000
    again = look(services, at_ms=T0 + 20_000)["pay"]
    assert again.status == "unknown"
    assert "that is not health" in again.reasons[0].says


def test_open_alerts_changes_and_what_runs_out_take_points(heard):
    disk = Outlook(id="d", entity=PAY.id, resource="disk", metric="m", series=1, at_ms=T0, value=1.0,
                   says="disk of pay: full in 5 h", expected_s=18_000.0, is_believed=True)  # fmt: skip
    services = Services(heard.get, lambda: OutlookState(outlooks=(disk,)))
    harm = ChangeImpact(id="c1", entity=PAY.id, kind="deploy", at_ms=T0, judged_ms=T0, horizon_s=35.0,
                        verdict="harmful", says="latency ×3")  # fmt: skip
    effects = Effects(alerts={"a1": alert(), "a2": alert("a2", suppressed=True)}, records={"change-impact:c1": harm})
    found = look(services, calls(PAY.id, 10, 0), effects=effects)["pay"]
    points = {one.name: one.points for one in found.reasons}
    assert points == {"alerts": 25, "change": 15, "saturation": 15}
    assert (found.health, found.status, found.alerts) == (45, "unhealthy", 1)
    assert next(iter(services.standing)).name == "pay"  # the worst first
    slower = Services(heard.get, lambda: OutlookState(outlooks=(msgspec.structs.replace(disk, signal="latency"),)))
    assert [one.name for one in look(slower, calls(PAY.id, 10, 0))["pay"].reasons] == ["latency"]
    over = Effects(alerts={"a1": alert(status="resolved", ended_ms=T0)})
    assert look(services, at_ms=T0 + 3_700_000, effects=over)["pay"].alerts == 0


def test_every_alert_of_ours_and_of_the_users_gets_its_place_and_priority(services):
    rule = alert("r1", source="alertmanager", p_value=None, entity=CART.id, severity="minor")
    effects = Effects(alerts={"a1": alert(), "r1": rule})
    look(services, effects=effects)
    mine, theirs = effects.alerts["a1"], effects.alerts["r1"]
    assert (mine.environment, mine.priority) == ("p", "P2")
    assert mine.priority_why[:3] == ("72 points", "+30 major", "+25 tier 1")
    assert sum(int(one.split()[0]) for one in mine.priority_why[1:]) == int(mine.priority_why[0].split()[0])
    assert "no owner is known: name one in the catalog" in theirs.priority_why
    assert "+10 your own rule" in theirs.priority_why
    assert theirs.priority > mine.priority


def test_an_alert_of_nobody_we_know_has_a_priority_too():
    level, why = priority_of(alert(entity="unplaced:/labels"), None, 0)
    assert level == "P3"
    assert "+8 tier not known" in why


def test_callers_are_counted_once_in_a_circle_and_bounded():
    callers = Callers(SHOP)
    assert (callers.of(PAY.id), callers.of("service:p/nobody")) == (1, 0)
    wide = Topology(edges=tuple(Edge(caller=f"s{n}", callee="x") for n in range(500)))
    assert Callers(wide).of("x") == 200


@given(st.sampled_from(["critical", "major", "minor", "info"]), st.integers(0, 300),
       st.one_of(st.none(), st.floats(0, 1)), st.one_of(st.none(), st.integers(1, 9)))  # fmt: skip
def test_a_priority_is_the_sum_of_its_parts(severity, callers, p_value, tier):
    entity = msgspec.structs.replace(PAY, tier=tier)
    level, why = priority_of(alert(severity=severity, p_value=p_value), entity, callers)
    total = int(why[0].split()[0])
    assert sum(int(one.split()[0]) for one in why[1:]) == total <= 100
    assert level in {"P1", "P2", "P3", "P4", "P5"}


def test_a_restart_forgets_nothing(services, heard):
    look(services, calls(PAY.id, 100, 3), effects=Effects(alerts={"a1": alert()}))
    again = Services(heard.get)
    again.restore(services.snapshot())
    assert again.snapshot() == services.snapshot()
    both = [look(one, calls(PAY.id, 10, 0, T0 + 20_000), at_ms=T0 + 20_000) for one in (services, again)]
    assert both[0] == both[1]
