"""What is known of past trouble, and what the judges learn from: real stores, real verdicts, real ledger entries."""

from __future__ import annotations

import msgspec
import pyarrow as pa
import pytest

from mainstay.domain.incidents import Grouping, Incident, Suspect
from mainstay.domain.ledger import Entry
from mainstay.domain.models import VersionRef
from mainstay.domain.training import DatasetQuery
from mainstay.domain.verdicts import Label, Verdict
from mainstay.mlops.artefacts import canonical
from mainstay.mlops.training.cases import Case, accuracy, cases_of, halves, key_of
from mainstay.mlops.training.dataset import digest_of, snapshot_of
from mainstay.mlops.training.truth import MARGIN_MS, began, spans_of
from mainstay.mlops.training.worker import Job, train
from mainstay.models.catalogue import SHIPPED, build, defaults_of
from mainstay.store.control import Control

AT_MS = 1_767_225_600_000
REF = VersionRef("correlator", 1)


class Still:
    def now_ns(self) -> int:
        return AT_MS * 1_000_000


@pytest.fixture
def control(tmp_path):
    kept = Control(tmp_path / "control.db", Still())
    yield kept
    kept.close()


def incident(name="INC-1", status="resolved", alerts=("A-1",), **given):
    plain = {
        "severity": "major", "title": name, "since_ms": AT_MS, "opened_ms": AT_MS + 5_000, "updated_ms": AT_MS,
        "decided_by": REF, "resolved_ms": AT_MS + 600_000, "entities": ("service:prod/a",),
        "groupings": tuple(Grouping(alert=a, at_ms=AT_MS, why="", decided_by=REF) for a in alerts),
    }  # fmt: skip
    return Incident(id=name, status=status, **{**plain, **given})


def verdict(kind, subject, by="ada", **given):
    return Verdict(id=f"V-{kind}-{subject}", kind=kind, subject=subject, by=by, at_ms=AT_MS + 700_000, **given)


def keep(control, *incidents, verdicts=()):
    from mainstay.domain.effects import Effects

    effects = Effects(decided_seq=control.decided_seq + 1)
    effects.incidents.update({one.id: one for one in incidents})
    effects.verdicts.update({one.id: one for one in verdicts})
    control.commit(effects)


def spans(control, normal=()):
    return tuple([span.why for span in part] for part in spans_of(control, AT_MS + 10**7, normal))


def test_an_incident_that_nobody_judged_is_left_out_with_a_margin(control):
    keep(control, incident())
    faults, unjudged = spans_of(control, AT_MS + 10**7)
    assert faults == ()
    [span] = unjudged
    assert (span.entity, span.since_ms, span.until_ms) == (
        "service:prod/a", AT_MS - MARGIN_MS, AT_MS + 600_000 + MARGIN_MS
    )  # fmt: skip


def test_an_open_incident_lasts_until_now(control):
    keep(control, incident(status="open", resolved_ms=None))
    assert spans_of(control, AT_MS + 10**7)[1][0].until_ms == AT_MS + 10**7 + MARGIN_MS


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (verdict("anomaly", "INC-1"), (["INC-1"], [])),
        (verdict("anomaly", "A-1"), (["INC-1"], [])),
        (verdict("right-cause", "INC-1", by="outcome"), (["INC-1"], [])),
        (verdict("wrong-cause", "INC-1"), (["INC-1"], [])),
        (verdict("not-anomaly", "INC-1"), ([], [])),
        (verdict("not-anomaly", "A-1"), ([], [])),
        (verdict("missed", "service:prod/z"), (["V-missed-service:prod/z"], ["INC-1"])),
    ],
)
def test_what_people_said_decides(control, said, expected):
    keep(control, incident(), verdicts=[said])
    assert spans(control) == expected


def test_alerts_that_a_drift_explains_are_normal_data_and_merged_incidents_count_once(control):
    keep(control, incident(), incident("INC-2", status="merged"))
    assert spans(control, normal={"A-1"}) == ([], [])
    assert spans(control, normal={"A-9"}) == ([], ["INC-1"])


# -- judges


def question(n: int) -> dict:
    """What a planner is asked: which of two runbooks."""
    return {
        "suspects": [{"entity": f"service:prod/s{n}", "cause": "memory", "probability": 0.9}],
        "runbooks": [
            {"name": "restart", "causes": ["memory"], "success": {"worked": 1, "failed": 2 + n % 4}},
            {"name": "scale", "causes": ["cpu"]},
        ],
    }


def judged(control, count, *, is_true):
    """Plans whose decision was judged by their outcome."""
    from mainstay.domain.effects import Effects

    planner = build(SHIPPED["planner"], defaults_of(SHIPPED["planner"]))
    effects = Effects(decided_seq=control.decided_seq + 1)
    for n in range(count):
        inputs = question(n)
        effects.entries.append(
            Entry(id=f"plan:PLAN-{n}", kind="plan", at_ms=AT_MS, actor="planner@1", subject=f"PLAN-{n}",
                  output=planner.decide(inputs), inputs=inputs)
        )  # fmt: skip
        label = Label(id=f"L-{n}", model="planner", version=1, subject=f"PLAN-{n}", is_true=is_true(n), kind="plan",
                      from_verdict=f"V-{n}", by="outcome", at_ms=AT_MS + 1000)  # fmt: skip
        effects.labels[label.id] = label
    control.commit(effects)


def test_cases_are_decisions_with_their_frozen_inputs_and_the_word_on_them(control):
    judged(control, 5, is_true=lambda n: n % 2 == 0)
    cases = cases_of("planner", control)
    assert [case.id for case in cases] == [f"plan:PLAN-{n}" for n in range(5)]
    assert [case.is_right for case in cases] == [True, False, True, False, True]
    assert {case.key for case in cases} == {"restart"}
    assert msgspec.to_builtins(cases[3].inputs) == question(3)
    assert cases_of("diagnoser", control) == [], "words on plans are none on causes"


def test_a_wrong_cause_wants_the_entity_that_people_named(control):
    from mainstay.domain.effects import Effects

    output = {"suspects": [{"entity": "service:prod/a"}]}
    effects = Effects(decided_seq=1)
    effects.entries.append(
        Entry(id="diagnosis:INC-1:1", kind="diagnosis", at_ms=AT_MS, actor="diagnoser@1", subject="INC-1",
              output=output, inputs={"x": 1})
    )  # fmt: skip
    effects.verdicts["V-1"] = Verdict(id="V-1", kind="wrong-cause", subject="INC-1", by="ada", at_ms=AT_MS, target="db")
    effects.labels["L-1"] = Label(id="L-1", model="diagnoser", version=1, subject="INC-1", is_true=False, kind="cause",
                                  from_verdict="V-1", by="ada", at_ms=AT_MS)  # fmt: skip
    control.commit(effects)
    assert cases_of("diagnoser", control) == [
        Case(id="diagnosis:INC-1:1", inputs={"x": 1}, key="service:prod/a", is_right=False, wanted="db")
    ]


def test_a_split_wants_another_incident_and_a_merge_another_beginning(control):
    from mainstay.domain.effects import Effects

    keep(control, incident("INC-2", alerts=("A-7", "A-8")))
    effects = Effects(decided_seq=control.decided_seq + 1)
    for alert, action in (("A-1", "join"), ("A-7", "open")):
        effects.entries.append(
            Entry(id=f"grouping:{alert}:1", kind="grouping", at_ms=AT_MS, actor="correlator@1", subject=alert,
                  output={"action": action, "incident": "INC-1" if action == "join" else None}, inputs={"alert": alert})
        )  # fmt: skip
    for subject in ("A-1", "INC-2"):
        effects.labels[subject] = Label(id=subject, model="correlator", version=1, subject=subject, is_true=False,
                                        kind="grouping", from_verdict="V", by="ada", at_ms=AT_MS)  # fmt: skip
    control.commit(effects)
    found = cases_of("correlator", control)
    assert [(case.id, case.key, case.is_right) for case in found] == [
        ("grouping:A-1:1", "join INC-1", False), ("grouping:A-7:1", "open", False),
    ]  # fmt: skip


def of(cases, **given) -> tuple[Job, pa.Table]:
    rows = pa.table({"case": pa.array([canonical(msgspec.to_builtins(c)).decode() for c in cases], pa.string())})
    query = DatasetQuery(kind="planner", since_ms=0, until_ms=AT_MS)
    snapshot = snapshot_of(query, digest_of(rows), len(cases), (), (0, AT_MS))
    algorithm = SHIPPED["planner"]
    plain = {"seed": 4, "trials": 12, "parameters": defaults_of(algorithm), **given}
    return Job(kind="planner", champion=VersionRef("planner", 1), algorithm=algorithm, snapshot=snapshot, **plain), rows


def test_too_few_labels_are_refused_with_the_count(control):
    judged(control, 29, is_true=lambda _: True)
    result = train(*of(cases_of("planner", control)))
    assert result.quality.problems == ("needs 30 labels, has 29",)
    assert result.trials == ()


def test_weights_are_found_that_take_fewer_wrong_decisions(control):
    """Restarts with a poor record failed: a planner that asks for a better record would not have proposed them."""
    judged(control, 80, is_true=lambda n: n % 4 == 0)
    cases = cases_of("planner", control)
    result = train(*of(cases))
    assert result.trials[0].number != 0
    assert result.validation["challenger"]["accuracy"] > result.validation["champion"]["accuracy"]
    seen, held = halves(cases)
    assert len(held) > 10
    assert not {case.id for case in seen} & {case.id for case in held}
    again = accuracy("planner", SHIPPED["planner"], result.parameters, held)
    assert again["accuracy"] == result.validation["challenger"]["accuracy"]
    assert train(*of(cases)) == result


def suspected(number: int, *, is_right: bool, is_changed: bool) -> Case:
    """A slow service, and perhaps what it calls: the diagnoser leans to one of them, surely if that was changed."""
    slow = {"id": "A-1", "entity": "service:p/a", "signal": "latency", "severity": "major", "since_ms": AT_MS}
    calls = [{"caller": "service:p/a", "callee": "service:p/b", "before_ms": 10.0, "now_ms": 30.0 + number}]
    change = {"id": "change-1", "entity": "service:p/b", "kind": "deploy", "at_ms": AT_MS - 2_000}
    inputs = {"at_ms": AT_MS + 60_000, "incident": "INC-1", "onset_ms": AT_MS, "alerts": [slow], "calls": calls,
              "edges": [["service:p/a", "service:p/b"]], "changes": [change] if is_changed else []}  # fmt: skip
    key = key_of("diagnoser", build(SHIPPED["diagnoser"], {}).decide(inputs))
    return Case(id=f"diagnosis:INC-{number}:1", inputs=inputs, key=key, is_right=is_right)


@pytest.mark.parametrize(("right", "moves"), [(10, 1), (4, -1)])
def test_a_diagnoser_learns_to_say_as_much_as_comes_true(right, moves):
    """Right whenever it was asked, it may be surer; wrong more often than not, it must not be."""
    cases = [suspected(n, is_right=n % 10 < right, is_changed=moves < 0) for n in range(80)]
    rows, query = of(cases)[1], DatasetQuery(kind="diagnoser", since_ms=0, until_ms=AT_MS)
    algorithm = SHIPPED["diagnoser"]
    job = Job(kind="diagnoser", champion=VersionRef("diagnoser", 1), algorithm=algorithm, seed=4, trials=12,
              snapshot=snapshot_of(query, digest_of(rows), len(cases), (), (0, AT_MS)),
              parameters=defaults_of(algorithm))  # fmt: skip
    validation = train(job, rows).validation
    champion, challenger = validation["champion"], validation["challenger"]
    assert challenger["loss"] < champion["loss"]
    assert moves * (challenger["said"] - champion["said"]) > 0.05
    assert abs(challenger["said"] - right / 10) < abs(champion["said"] - right / 10)


def test_keys():
    assert key_of("planner", {"runbook": None}) == ""
    assert key_of("diagnoser", {"suspects": []}) == ""
    assert key_of("correlator", {"action": "hold", "incident": None}) == "hold"


def test_what_began_counts_for_its_first_suspect_or_for_whom_people_named(control):
    suspect = Suspect(entity="service:prod/db", cause="memory", probability=0.7, decided_by=REF)
    keep(
        control,
        incident("INC-1"),
        incident("INC-2", suspects=(suspect,), opened_ms=AT_MS + 10_000),
        incident("INC-3", suspects=(suspect,), opened_ms=AT_MS + 20_000),
        incident("INC-4", status="merged"),
        incident("INC-5", opened_ms=AT_MS + 30_000),
        incident("INC-6", alerts=("A-6",)),
        incident("INC-7", status="open", resolved_ms=None, opened_ms=AT_MS + 40_000),
        verdicts=[verdict("wrong-cause", "INC-3", target="service:prod/queue"), verdict("not-anomaly", "INC-5")],
    )
    found = began(control, AT_MS + 900_000, normal={"A-6"})
    assert [(one.why, one.entity, one.since_ms - AT_MS) for one in found] == [
        ("INC-1", "service:prod/a", 5_000),
        ("INC-2", "service:prod/db", 10_000),
        ("INC-3", "service:prod/queue", 20_000),
        ("INC-7", "service:prod/a", 40_000),
    ]
    assert found[-1].until_ms == AT_MS + 900_000
