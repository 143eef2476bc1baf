"""What was like this before: found again, told with how it ended, decided by a version, over a restart."""

import json

import msgspec
import pytest
from tests.scenarios.drill import Drill, Fault, deploy, storm
from tests.scenarios.shops import WIDE

from mainstay.app.mlops.deployed import deployed
from mainstay.domain.effects import Effects
from mainstay.domain.incidents import Incident
from mainstay.domain.ledger import Entry
from mainstay.domain.records import Command
from mainstay.domain.similar import Ending, PastIncident, Portrait
from mainstay.domain.verdicts import Verdict
from mainstay.intelligence.past import Past
from mainstay.intelligence.past.memory import MOST, Memory
from mainstay.intelligence.past.portrait import Places, portrait_of, words_of
from mainstay.intelligence.past.stage import AGAIN_MS, past_of_ticket

T0 = 1_700_000_000_000


@pytest.fixture(scope="module")
def models():
    with deployed() as found:
        yield found


@pytest.fixture
def past(models):
    return Past(models.serving)


@pytest.fixture(scope="module")
def story():
    drill, fault = Drill(WIDE), Fault("pricing", extra_ms=400)
    drill.run(until_s=180, faults=[fault], script=[(112, deploy("pricing", 112)), *storm(WIDE, fault)])
    return drill


def seen(drill):
    return drill.stage.alerts_of("INC-1"), drill.stage.changes, drill.topology


def named(incident: Incident, name: str, status: str = "open") -> Incident:
    over = T0 + 95_000 if status == "resolved" else None
    return msgspec.structs.replace(incident, id=name, status=status, since_ms=T0, resolved_ms=over, title=f"{name}!")


def ended(past, drill, name="INC-1", status="resolved"):
    """An incident that opened, was compared, and is over."""
    effects = Effects()
    past.compare(named(drill.incidents["INC-1"], name), seen(drill), T0, effects)
    over = past.compare(named(drill.incidents["INC-1"], name, status), seen(drill), T0 + 95_000, effects)
    past.remember(over, effects)
    return effects


def compared(past, drill, name="INC-2", at_ms=T0 + 500_000):
    effects = Effects()
    return past.compare(named(drill.incidents["INC-1"], name), seen(drill), at_ms, effects), effects


def test_a_portrait_says_what_happened_where_without_numbers(story):
    alerts, changes, topology = seen(story)
    found = portrait_of(story.incidents["INC-1"], alerts, topology, {one.id: one for one in changes})
    assert {"cause:deploy", "change:deploy", "spread:users"} <= set(found.facts)
    assert any(fact.startswith("symptom:latency service") for fact in found.facts)
    assert found.facts == tuple(sorted(found.facts))
    assert not any(letter.isdigit() for word in found.words for letter in word)


def test_places_mean_the_same_in_another_shop(story):
    places = Places(story.topology)
    front = next(name for name in story.topology.entities if name.endswith("/front"))
    assert places.of(front).startswith("service entry tier ")
    assert places.of("database:x/nobody") == "database"
    assert places.of("service:x/nobody") == "service alone tier unknown"


def test_what_happened_before_is_found_with_how_it_ended(past, story):
    first, effects = compared(past, story, "INC-0")
    assert (first.similar, effects.entries) == ((), [])  # there is no past: nothing was decided
    kept = ended(past, story).records["past-incident:INC-1"]
    assert kept.ending.cause == "deploy"
    assert kept.ending.recovery_s == 95.0
    found, _ = compared(past, story)
    [alike] = found.similar
    assert (alike.id, alike.score, alike.title) == ("INC-1", 1.0, "INC-1!")
    assert alike.decided_by.model == "similarity"
    assert "cause:deploy" in alike.shared
    assert "over after 95 s" in alike.says


def test_the_comparison_can_be_done_again_from_the_ledger(past, models, story):
    ended(past, story)
    found, effects = compared(past, story)
    [entry] = effects.entries
    assert (entry.kind, entry.subject, entry.id) == ("similarity", "INC-2", found.similar[0].entry)
    inputs = json.loads(json.dumps(entry.inputs))
    assert models.serving.reperform(found.similar[0].decided_by, inputs) == entry.output


def test_it_is_not_asked_again_while_nothing_changed(past, story):
    ended(past, story)
    first, _ = compared(past, story)
    for later in (1_000, AGAIN_MS, 10 * AGAIN_MS):
        again, effects = compared(past, story, at_ms=T0 + 500_000 + later)
        assert again.similar == first.similar
        assert effects.entries == []


def test_what_people_and_outcomes_say_joins_how_it_ended(past, story):
    compared(past, story, "INC-1")
    mended = {"incident": "INC-1", "status": "succeeded", "runbook": "roll-back"}
    past.command(Command(kind="plan-outcome", by="mainstay", at_ms=T0, subject="P-1", arguments=mended), Effects())
    kept = ended(past, story).records["past-incident:INC-1"]
    assert kept.ending.runbook == "roll-back"
    said = Verdict(id="V-1", kind="wrong-cause", subject="INC-1", by="ada", at_ms=T0, target="service:lab/cart")
    effects = Effects(verdicts={"V-1": said})
    past.saw(effects)
    assert effects.records["past-incident:INC-1"].ending.judged == "wrong-cause"
    found, _ = compared(past, story)
    assert "which was wrong (it was cart); mended by roll-back" in found.similar[0].says


def test_a_plan_that_failed_mended_nothing_and_other_verdicts_judge_no_cause(past, story):
    ended(past, story)
    failed = {"incident": "INC-1", "status": "failed", "runbook": "restart"}
    past.command(Command(kind="plan-outcome", by="mainstay", at_ms=T0, subject="P-1", arguments=failed), Effects())
    effects = Effects(verdicts={"V": Verdict(id="V", kind="anomaly", subject="INC-1", by="ada", at_ms=T0)})
    past.saw(effects)
    assert effects.records == {}
    assert past.memory.past["INC-1"].ending.runbook == ""


def test_one_that_comes_back_keeps_what_was_said_of_it(past, story):
    ended(past, story)
    mended = {"incident": "INC-1", "status": "succeeded", "runbook": "roll-back"}
    past.command(Command(kind="plan-outcome", by="mainstay", at_ms=T0, subject="P-1", arguments=mended), Effects())
    assert ended(past, story).records["past-incident:INC-1"].ending.runbook == "roll-back"


def test_what_was_merged_is_not_remembered_twice(past, story):
    assert ended(past, story, status="merged").records == {}
    assert past.memory.past == {}


def test_tickets_of_the_time_before_us_are_found_by_their_words(past, story):
    ticket = past_of_ticket("CHG1", "pricing latency, front slow", "pricing", T0 - 86_400_000, T0 - 86_000_000)
    other = past_of_ticket("CHG2", "printer without paper", "office", T0 - 86_400_000, None)
    body = msgspec.json.encode([ticket, other]).decode()
    effects = Effects()
    told = Command(kind="remember", by="mainstay", at_ms=T0, subject="tickets", arguments={"tickets": body})
    past.command(told, effects)
    assert set(effects.records) == {"past-incident:ticket:CHG1", "past-incident:ticket:CHG2"}
    assert [one.id for one in past.memory.nearest(Portrait(words=words_of([ticket.title])), 5)] == ["ticket:CHG1"]
    assert ticket.ending.says == "its cause was never written down; over after 400 s"
    assert ticket.is_ticket


def test_a_restart_forgets_nothing(past, models, story):
    ended(past, story)
    compared(past, story, "INC-3")
    again = Past(models.serving)
    again.restore(past.snapshot())
    assert again.snapshot() == past.snapshot()
    mine, theirs = (compared(one, story, "INC-4") for one in (past, again))
    assert mine[0] == theirs[0]
    assert [entry_of(one) for one in mine[1].entries] == [entry_of(one) for one in theirs[1].entries]


def entry_of(entry: Entry):
    return msgspec.to_builtins(entry)


def test_memory_is_bounded_and_the_oldest_leave():
    memory = Memory(most=20)
    for n in range(50):
        memory.keep(PastIncident(id=f"INC-{n:02d}", title="", since_ms=n, portrait=Portrait(words=("slow", f"w{n}"))))
    assert 18 <= len(memory.past) <= 20 < MOST
    assert {"INC-49", "INC-48"} <= set(memory.past)
    assert "INC-00" not in memory.past


def test_equals_are_found_by_id_and_a_change_of_looks_is_taken_up():
    memory = Memory(
        PastIncident(id=f"INC-{n}", title="", since_ms=n, portrait=Portrait(words=("slow",))) for n in "312"
    )
    assert [one.id for one in memory.nearest(Portrait(words=("slow",)), 2)] == ["INC-1", "INC-2"]
    memory.keep(PastIncident(id="INC-1", title="", since_ms=1, portrait=Portrait(words=("full",))))
    assert [one.id for one in memory.nearest(Portrait(words=("slow",)), 2)] == ["INC-2", "INC-3"]
    assert memory.frequency(["slow", "full", "never"]) == {"slow": 2, "full": 1}
    known = memory.past["INC-2"]
    memory.keep(msgspec.structs.replace(known, ending=Ending(runbook="x")))
    assert memory.nearest(Portrait(words=("slow",)), 1)[0].ending.runbook == "x"
