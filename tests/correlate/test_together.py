"""What people join, part and confirm is remembered, fades, and moves the next decision."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.correlate.test_correlator import alert, decide, incident
from tests.scenarios.drill import Drill, slow
from tests.scenarios.shops import WIDE

from mainstay.correlate.together import BY_PERSON, CONFIRMED, HALF_LIFE_MS, MOST_PAIRS, SEEN, Together
from mainstay.domain.signals import Normal

SYMPTOMS = st.sampled_from(["a|errors", "b|latency", "c|logs|7", "d|saturation|disk"])


def test_half_of_it_is_left_after_a_month() -> None:
    known = Together()
    known.joined(["a"], ["b"], BY_PERSON, at_ms=0)
    assert known.of("b", ["a"], HALF_LIFE_MS) == (1.0, 0.0)
    known.joined(["b"], ["a"], BY_PERSON, at_ms=HALF_LIFE_MS)
    assert known.of("a", ["b"], HALF_LIFE_MS) == (3.0, 0.0)


def test_of_several_pairs_the_best_known_speaks() -> None:
    known = Together()
    known.joined(["a"], ["b"], SEEN, at_ms=0)
    known.parted(["a"], ["c"], BY_PERSON, at_ms=0)
    assert known.of("a", ["b", "c", "never"], 0) == (0.0, BY_PERSON)
    assert known.of("never", ["b"], 0) == (0.0, 0.0)


@given(st.lists(st.tuples(SYMPTOMS, SYMPTOMS, st.booleans(), st.integers(0, 10**11)), max_size=30))
def test_counts_are_symmetric_and_never_negative(said: list[tuple[str, str, bool, int]]) -> None:
    known = Together()
    for one, other, is_together, at_ms in said:
        (known.joined if is_together else known.parted)([one], [other], CONFIRMED, at_ms)
    for one, other, _, _ in said:
        counts = known.of(one, [other], 10**11)
        assert counts == known.of(other, [one], 10**11)
        assert min(counts) >= 0.0
        assert one != other or counts == (0.0, 0.0)


def test_the_table_is_bounded_and_the_oldest_leaves() -> None:
    known = Together()
    for number in range(MOST_PAIRS + 10):
        known.joined(["a"], [f"b{number}"], SEEN, at_ms=number)
    assert len(known.pairs) == MOST_PAIRS
    assert known.of("a", ["b0"], MOST_PAIRS) == (0.0, 0.0)


def late(**learned: Any) -> dict[str, Any]:
    """A callee that shows trouble 60 s after its caller did: by itself a tie of 0.38."""
    return decide(alert(where="b", since_s=60), incidents=[incident("INC-1", ("a", 0), **learned)])


@pytest.mark.parametrize(
    ("learned", "action"),
    [({}, "join"), ({"not_together": 2.0}, "hold"), ({"together": 9.0, "not_together": 9.0}, "join")],
)
def test_what_was_parted_before_is_tied_less(learned: dict[str, float], action: str) -> None:
    assert late(**learned)["action"] == action


def test_what_was_joined_before_is_tied_more_and_says_so() -> None:
    siblings = {"edges": [["service:p/g", "service:p/a"], ["service:p/g", "service:p/b"]]}
    new = alert(where="b", since_s=5)
    assert decide(new, incidents=[incident("INC-1", ("a", 0))], **siblings)["action"] == "hold"
    said = decide(new, incidents=[incident("INC-1", ("a", 0), together=4.0)], **siblings)
    assert (said["action"], said["incident"]) == ("join", "INC-1")
    assert "such two belonged together in 4.0 of 4.0 cases" in said["why"]


def test_what_a_person_split_is_not_merged_again() -> None:
    def two(**rest: Any) -> list[dict[str, Any]]:
        return [incident("INC-1", ("a", 0)), incident("INC-2", ("c", 4), **rest)]

    new = alert(where="b", since_s=8)
    assert decide(new, incidents=two())["merge"] != []
    assert decide(new, incidents=two(apart=["INC-1"]))["merge"] == []


def burning() -> Drill:
    drill = Drill(WIDE)
    drill.record(Normal(), 20, [slow("front", "cart", 5, 20, severity="critical")])
    drill.record(Normal(), 22, [slow("cart", "pricing", 6, 22, severity="critical")])
    return drill


def known(drill: Drill, at_s: float) -> tuple[float, float]:
    pricing, cart = (slow(*ends, 0, 0).about + "|latency" for ends in (("cart", "pricing"), ("front", "cart")))
    return drill.stage._state.together.of(pricing, [cart], int(1_800_000_000_000 + at_s * 1000))


def over(drill: Drill) -> None:
    for alert_ in list(drill.alerts.values()):
        ended = slow(*_ends(alert_.subject), 5 if "cart|" in alert_.fingerprint else 6, 40, ended_s=40)
        drill.record(Normal(), 40, [ended])
    drill.record(Normal(), 70)


def _ends(subject: str) -> tuple[str, str]:
    caller, _, callee = subject.removeprefix("edge:").partition(">")
    return caller.rpartition("/")[2], callee.rpartition("/")[2]


@pytest.mark.parametrize(("says", "weight"), [("", 0.0), ("acknowledge", SEEN), ("right-cause", CONFIRMED)])
def test_an_incident_that_is_over_teaches_as_far_as_somebody_vouched_for_it(says: str, weight: float) -> None:
    drill = burning()
    if says:
        drill.say(says, "INC-1", 30)
    over(drill)
    assert drill.incidents["INC-1"].status == "resolved"
    assert known(drill, 70) == (pytest.approx(weight, abs=0.001), 0.0)


def test_a_split_is_a_lesson_and_stays() -> None:
    drill = burning()
    split = slow("cart", "pricing", 6, 22).id
    drill.say("split", "INC-1", 30, alert=split)
    assert known(drill, 30) == (0.0, BY_PERSON)
    drill.record(Normal(), 34, [slow("pricing", "rates", 28, 34, severity="critical")])
    assert [incident.status for incident in drill.open] == ["open", "open"]
    drill.judges.reperform()


def test_a_merge_is_a_lesson_and_takes_a_split_back() -> None:
    drill = burning()
    drill.say("split", "INC-1", 30, alert=slow("cart", "pricing", 6, 22).id)
    drill.say("merge", "INC-2", 31, into="INC-1")
    assert known(drill, 31) == (BY_PERSON, BY_PERSON)
    assert drill.stage._state.held["INC-1"].apart == []


def test_a_merge_says_why() -> None:
    drill = Drill(WIDE)
    drill.record(Normal(), 20, [slow("search", "index", 5, 20, severity="critical")])
    drill.record(Normal(), 22, [slow("cart", "pricing", 6, 22, severity="critical")])
    drill.record(Normal(), 24, [slow("", "front", 6, 24, severity="critical")])
    merged = [i for i in drill.incidents.values() if i.status == "merged"]
    lines = [line.says for i in drill.open for line in i.timeline if line.says.startswith(f"{merged[0].id} merged")]
    assert "depends on" in lines[0]


def test_it_survives_a_restart() -> None:
    drill = burning()
    drill.say("split", "INC-1", 30, alert=slow("cart", "pricing", 6, 22).id)
    drill.stage.restore(drill.stage.snapshot())
    assert known(drill, 30) == (0.0, BY_PERSON)
    assert drill.stage._state.held["INC-1"].apart == ["INC-2"]
