"""Services at risk: predicted and written down, judged by what came, told to nobody."""

import msgspec
from tests.outlook.estate import Estate, services

from mainstay.domain.changes import Change
from mainstay.domain.effects import Effects
from mainstay.domain.incidents import Incident
from mainstay.domain.models import VersionRef
from mainstay.domain.outlook import OutlookPolicy
from mainstay.domain.signals import Series
from mainstay.outlook.leading import FEATURES, VIEW

PAY = "service:prod/pay"
POLICY = OutlookPolicy(risk_every_s=60.0, horizon_s=3600.0)
SERIES = Series(1, 7, PAY, "requests")


def troubled(estate, minutes=3):
    """A change, and values that are hardly normal: enough for the shipped priors to flag it."""
    for minute in range(minutes):
        changes = () if minute else (Change(id="c", kind="deploy", subject="pay", entity=PAY, at_ms=estate.at_ms),)
        raised = [estate_alert(estate, n) for n in range(20)]
        estate.say({SERIES: 1.0}, p_value=1e-6, changes=changes, raised=raised)
        estate.wait(60)


def estate_alert(estate, number):
    from mainstay.domain.alerts import Alert

    return Alert(
        id=f"x{number}", fingerprint="f", entity=PAY, name="n", severity="major", status="firing",
        since_ms=estate.at_ms, at_ms=estate.at_ms, decided_by=VersionRef("metrics", 1),
    )  # fmt: skip


def incident(estate, name):
    return Incident(
        id=name, status="open", severity="major", title="", since_ms=estate.at_ms, opened_ms=estate.at_ms,
        updated_ms=estate.at_ms, decided_by=VersionRef("correlator", 1), entities=(PAY,),
    )  # fmt: skip


def began(estate, name="INC-1"):
    effects = Effects()
    effects.incidents[name] = incident(estate, name)
    estate.stage.saw(effects)
    estate.stage.saw(effects)  # an incident is told again and again


def test_the_riskiest_service_comes_first_with_its_reasons():
    estate = Estate(POLICY, services("shop", "pay"))
    troubled(estate)
    risks = estate.stage.standing.risks
    assert [one.entity for one in risks] == [PAY, "service:prod/shop"]
    assert risks[0].is_flagged
    assert {reason.name for reason in risks[0].reasons} == {"alerts", "odd", "change"}
    assert all(reason.odds > 1 for reason in risks[0].reasons)
    assert not risks[1].is_flagged
    assert {reason.name for reason in risks[1].reasons} <= {"callee_odd", "callee_change"}


def test_it_pages_nobody_and_says_so():
    estate = Estate(POLICY, services("shop", "pay"))
    troubled(estate)
    assert not estate.told
    assert estate.stage.standing.standing.startswith("in shadow, nobody is paged")
    assert estate.stage.standing.predictor == VersionRef("predictor", 1)


def test_a_flag_is_written_once_with_all_that_was_looked_at():
    estate = Estate(POLICY, services("shop", "pay"))
    troubled(estate, 10)
    (entry,) = [one for one in estate.effects.entries if one.kind == "prediction"]
    assert (entry.actor, entry.subject) == ("predictor@1", PAY)
    assert entry.inputs["features"] == list(FEATURES)
    again = estate.judges.decide("predictor", msgspec.json.decode(msgspec.json.encode(entry.inputs)))
    assert msgspec.json.encode(again.output) == msgspec.json.encode(entry.output)


def test_an_incident_that_follows_makes_a_flag_true_with_its_lead():
    estate = Estate(POLICY, services("shop", "pay"))
    troubled(estate)
    first = next(one.at_ms for one in estate.effects.entries if one.kind == "prediction")
    began(estate)
    estate.wait(60)
    estate.say()
    tally = estate.stage.standing.tally
    assert (tally.flagged, tally.came_true, tally.incidents, tally.caught) == (1, 1, 1, 1)
    assert tally.lead_s == (estate.at_ms - 60_000 - first) / 1000


def test_a_flag_that_nothing_follows_is_a_false_alarm():
    estate = Estate(POLICY, services("shop", "pay"))
    troubled(estate, 1)
    for _ in range(70):
        estate.wait(60)
        estate.say()
    assert estate.stage.standing.tally.flagged >= 1
    assert estate.stage.standing.tally.came_true == 0
    began(estate)  # too late: it has no flag that waits, unless it was flagged anew
    assert estate.stage.risks.state.incidents == 1


def test_past_incidents_make_it_likelier_than_a_service_without():
    estate = Estate(POLICY, services("shop", "pay"))
    estate.say()
    for number in range(5):
        estate.wait(3600)
        began(estate, f"INC-{number}")
        estate.say()
    estate.wait(60)
    estate.say()
    risks = {one.entity: one for one in estate.stage.standing.risks}
    assert risks[PAY].usual > risks["service:prod/shop"].usual == 0.0
    assert risks[PAY].probability > risks["service:prod/shop"].probability
    assert risks[PAY].reasons[0].name == "again"


def test_a_restart_changes_nothing():
    whole, first = (Estate(POLICY, services("shop", "pay")) for _ in range(2))
    troubled(whole, 6)
    troubled(first, 3)
    second = first.restarted(POLICY)
    for _ in range(3):
        second.say({SERIES: 1.0}, p_value=1e-6, raised=[estate_alert(second, n) for n in range(20)])
        second.wait(60)
    assert second.stage.standing.risks == whole.stage.standing.risks
    assert second.stage.standing.tally == whole.stage.standing.tally


def test_what_was_looked_at_is_kept_with_the_definition_that_it_was_seen_by():
    estate = Estate(POLICY, services("shop", "pay"))
    estate.say()
    look = estate.stage.look
    assert (look.at_ms, look.horizon_s, look.view) == (estate.at_ms, 3600.0, VIEW)
    assert look.services == (PAY, "service:prod/shop")
    assert [len(row) for row in look.rows] == [len(FEATURES)] * 2
    assert look.in_trouble == (False, False)
    estate.wait(1)
    estate.say()
    assert estate.stage.look is None, "no look, nothing to keep"


def test_of_many_services_not_every_look_is_kept():
    estate = Estate(POLICY, services(*(f"s{n}" for n in range(250))))
    kept = []
    for _ in range(9):
        estate.say()
        kept.append(estate.stage.look is not None)
        estate.wait(60)
    assert kept == [True, False, False] * 3


def test_a_service_whose_incident_is_not_over_is_not_flagged_again():
    estate = Estate(POLICY, services("shop", "pay"))
    began(estate)
    troubled(estate)
    assert not [one for one in estate.effects.entries if one.kind == "prediction"]
    assert estate.stage.look.in_trouble == (True, False)
    over = Effects()
    over.incidents["INC-1"] = msgspec.structs.replace(incident(estate, "INC-1"), status="resolved")
    estate.stage.saw(over)
    troubled(estate)
    assert [one.subject for one in estate.effects.entries if one.kind == "prediction"] == [PAY]
    assert estate.stage.look.in_trouble == (False, False)


def test_without_services_nothing_is_asked():
    estate = Estate(POLICY)
    estate.say({SERIES: 1.0})
    assert not [kind for kind, _ in estate.judges.asked if kind == "predictor"]
    assert estate.stage.standing.risks == ()
