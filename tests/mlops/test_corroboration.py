"""What only one version found is real when somebody else says so of the same thing, and only then."""

from __future__ import annotations

import msgspec
import pytest
from tests.automation.world import alert, incident

from mainstay.domain.effects import Effects
from mainstay.domain.incidents import Grouping
from mainstay.domain.models import VersionRef
from mainstay.domain.verdicts import Label
from mainstay.mlops.rollouts.corroboration import MOST, Corroboration

CORRELATOR = VersionRef("correlator", 1)


def raised(name, model, entity="service:lab/a", **more):
    usual = {"decided_by": VersionRef(model, 1), "subject": f"metric:{name}", "channel": "level"}
    return msgspec.structs.replace(alert(name, entity=entity), **{**usual, **more})


def told(*alerts, labels=(), grouped=True):
    """Alerts in one incident, and what people said."""
    seen = Corroboration()
    groupings = tuple(Grouping(alert=one.id, at_ms=1, why="", decided_by=CORRELATOR) for one in alerts)
    seen.saw(Effects(alerts={one.id: one for one in alerts}))
    if grouped:
        seen.saw(Effects(incidents={"INC-1": msgspec.structs.replace(incident(), id="INC-1", groupings=groupings)}))
    seen.saw(Effects(labels={label.id: label for label in labels}))
    return seen


MINE = raised("1", "metrics")
KEY = "metric:1|level"


@pytest.mark.parametrize(
    ("other", "is_confirmed"),
    [
        (raised("2", "logs"), True),
        (raised("2", "rule/DiskFull"), True),
        (raised("2", "logs", "service:lab/b"), False),
        (raised("2", "edges", "service:lab/b", subject="edge:service:lab/b>service:lab/a"), True),
        (raised("2", "edges", "service:lab/a", subject="edge:service:lab/a>service:lab/b"), False),
        (raised("2", "metrics"), False),
    ],
)
def test_another_model_about_the_same_entity_in_the_same_incident(other, is_confirmed):
    assert told(MINE, other).is_confirmed(KEY, "metrics") is is_confirmed
    assert not told(MINE, other, grouped=False).is_confirmed(KEY, "metrics")


@pytest.mark.parametrize("is_true", [True, False])
def test_a_verdict_is_the_last_word(is_true):
    label = Label(
        id="L-1", kind="alert", subject=MINE.id, is_true=is_true, model="metrics", version=1, at_ms=1, by="ada",
        from_verdict="V-1",
    )  # fmt: skip
    assert told(MINE, raised("2", "logs"), labels=[label]).is_confirmed(KEY, "metrics") is is_true


def test_an_incident_of_nothing_but_what_one_version_found():
    other = raised("2", "metrics")
    seen = told(MINE, other)
    assert seen.is_of("INC-1", {KEY, "metric:2|level"})
    assert not seen.is_of("INC-1", {KEY})
    assert not seen.is_of("INC-2", {KEY})


def test_what_nobody_knows_is_not_confirmed():
    assert not told(MINE).is_confirmed("metric:9|level", "metrics")


def test_it_forgets_the_oldest_and_survives_a_snapshot():
    seen = told(MINE, raised("2", "logs"))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(seen), type=Corroboration) == seen
    many = {str(n): raised(str(n), "metrics") for n in range(10, MOST + 20)}
    seen.saw(Effects(alerts=many))
    assert not seen.is_confirmed(KEY, "metrics")
    assert len(seen.said) == MOST
