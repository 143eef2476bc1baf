"""Risk is the plain sum of its parts; what is not known has no points and says so."""

import msgspec
import pytest
from tests.scenarios.drill import Drill, ms, slow
from tests.scenarios.shops import WIDE

from mainstay.domain.incidents import Incident, Risk
from mainstay.domain.models import VersionRef
from mainstay.domain.services import Burn
from mainstay.domain.signals import Normal
from mainstay.domain.similar import Ending, SimilarIncident
from mainstay.intelligence import assess


@pytest.fixture(scope="module")
def drill() -> Drill:
    drill = Drill(WIDE)
    drill.record(Normal(), 20, [slow("cart", "pricing", 5, 20, severity="critical")])
    return drill


def risk(drill: Drill, burn: Burn | None = None, similar: tuple[SimilarIncident, ...] = ()) -> Risk:
    incident: Incident = msgspec.structs.replace(drill.incidents["INC-1"], similar=similar)
    burns = (lambda entity, at_ms: burn) if burn else None
    found = assess(incident, drill.topology, drill.stage.alerts_of("INC-1"), (), ms(30), burns)
    assert found.risk is not None
    assert found.risk.score == sum(part.points for part in found.risk.parts) <= 100
    return found.risk


def part(found: Risk, name: str):
    return next(one for one in found.parts if one.name == name)


def alike(name: str, **ending) -> SimilarIncident:
    return SimilarIncident(id=name, title="", since_ms=0, score=0.9, text=0.9, structure=0.9,
                           decided_by=VersionRef("similarity", 1), ending=Ending(**ending))  # fmt: skip


def test_what_is_not_known_has_no_points_and_says_so(drill):
    found = risk(drill)
    assert (part(found, "burn").points, part(found, "past").points) == (0, 0)
    assert part(found, "burn").says.startswith("not known")
    assert part(found, "past").says == "nothing like it is remembered"


def test_who_depends_on_those_that_suffer_is_in_reach(drill):
    assert "more depend on them" in part(risk(drill), "blast").says
    assert "front" in part(risk(drill), "blast").says


@pytest.mark.parametrize(("rate", "points"), [(0.0, 0), (0.5, 2), (1.0, 6), (6.0, 11), (14.4, 15), (900.0, 15)])
def test_the_slower_window_of_the_burn_counts(drill, rate, points):
    burn = Burn(objective=99.5, is_default=False, rate_5m=rate, rate_1h=rate + 100, budget_left=0.25)
    found = part(risk(drill, burn), "burn")
    assert found.points == points
    assert "(objective 99.5 %)" in found.says


def test_a_default_objective_is_called_that_and_no_requests_are_not_known(drill):
    assert "default objective 99.9 %" in part(risk(drill, Burn(rate_5m=2.0, rate_1h=2.0)), "burn").says
    assert part(risk(drill, Burn()), "burn").says.startswith("not known")


def test_the_past_weighs_by_how_long_it_took_and_whether_a_runbook_is_known(drill):
    short = part(risk(drill, similar=(alike("INC-0", recovery_s=60.0, runbook="roll-back"),)), "past")
    long = part(risk(drill, similar=(alike("INC-0", recovery_s=7200.0), alike("ticket:1"))), "past")
    assert (short.points, long.points) == (2, 10)
    assert "mended before by roll-back" in short.says
    assert "the longest took 2 h 0 min; no runbook is known" in long.says
