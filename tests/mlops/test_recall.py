"""What a version caused is found, with what rests on it, and nothing else."""

import msgspec

from mainstay.domain.ledger import Entry
from mainstay.domain.models import VersionRef
from mainstay.ledger import chain
from mainstay.mlops.recall import recall

BAD, GOOD = VersionRef("metrics", 7), VersionRef("edges", 1)


def ledger(*rows):
    """Rows of (id, kind, actor, subject, *rests on), chained."""
    last = None
    for at_ms, (name, kind, actor, subject, *rests_on) in enumerate(rows):
        said = {"actor": str(actor), "subject": subject, "output": {}, "rests_on": tuple(rests_on)}
        last = chain(last, Entry(id=name, kind=kind, at_ms=at_ms, **said))
        yield last


STORY = (
    ("alert-1", "alert", BAD, "a1", "version-metrics@7"),
    ("alert-2", "alert", GOOD, "a2", "version-edges@1"),
    ("group-1", "grouping", "correlator@1", "I-1", "alert-1"),
    ("group-2", "grouping", "correlator@1", "I-2", "alert-2"),
    ("open-1", "incident", "correlator@1", "I-1", "group-1"),
    ("open-2", "incident", "correlator@1", "I-2", "group-2"),
    ("page:k1", "page", "mainstay", "I-1", "I-1"),
    ("page:k2", "page", "mainstay", "I-2", "I-2"),
    ("plan-1", "plan", "planner@1", "P-1", "I-1"),
    ("step-1", "step", "mainstay", "P-1", "plan:P-1"),
    ("batch-1", "batch", BAD, "scores"),
)


def test_its_alert_the_incident_the_page_the_plan_and_the_step():
    found = recall(ledger(*STORY), BAD)
    assert [one.entry for one in found.entries] == ["alert-1", "group-1", "open-1", "page:k1", "plan-1", "step-1"]
    assert found.counts == {"alert": 1, "grouping": 1, "incident": 1, "page": 1, "plan": 1, "step": 1}


def test_what_it_decided_is_told_from_what_rests_on_it():
    how = {one.entry: (one.how, one.via) for one in recall(ledger(*STORY), BAD).entries}
    assert how["alert-1"] == ("decided", "")
    assert how["page:k1"] == ("rests on it", "I-1")


def test_a_page_that_left_before_the_version_had_a_part_in_the_incident_is_not_its_page():
    rows = list(ledger(*STORY))
    rows[6] = msgspec.structs.replace(rows[6], output={"decided_by": ["correlator@1", "edges@1"]})
    rows[7] = msgspec.structs.replace(rows[7], output={"decided_by": ["correlator@1", "metrics@7"]})
    found = recall(rows, BAD)
    assert [one.entry for one in found.entries if one.kind == "page"] == ["page:k2"], "it had joined that one"


def test_all_are_counted_when_only_some_are_listed():
    found = recall(ledger(*STORY), BAD, limit=2)
    assert len(found.entries) == 2
    assert sum(found.counts.values()) == 6


def test_version_7_is_not_version_77():
    rows = (("alert-1", "alert", "metrics@77", "a1", "version-metrics@77"),)
    assert recall(ledger(*rows), BAD).entries == []


def test_a_version_that_decided_nothing():
    assert recall(ledger(*STORY), VersionRef("logs", 3)).counts == {}
