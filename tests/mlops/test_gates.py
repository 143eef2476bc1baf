"""What the gate of a stage says of evidence: limits broken for sure, too little of it, or all of them kept."""

from __future__ import annotations

import msgspec
import pytest

from mainstay.domain.models import VersionRef
from mainstay.domain.rollouts import Evidence, Gate, GatePolicy, Rollout
from mainstay.mlops.rollouts.gates import figures_of, judge, shipped_policy


def test_the_shipped_policy_is_the_defaults():
    assert shipped_policy() == GatePolicy()


ROLLOUT = Rollout(id="r", kind="edges", champion=VersionRef("edges", 1), challenger=VersionRef("edges", 2), windows=10)


@pytest.mark.parametrize(
    ("evidence", "verdict", "says"),
    [
        (Evidence(both=3), "not_enough", "3 incidents, needs 20"),
        (Evidence(both=20), "passed", "20 incidents"),
        (Evidence(champion_only=3), "failed", "missed 3 of 3"),
        (Evidence(challenger_only=5), "failed", "5 of 5"),
        (Evidence(both=80, champion_only=20), "failed", "missed 20 of 100"),
        (Evidence(both=50, challenger_only=50), "failed", "50 of 100"),
        (Evidence(both=38, delay_ms=38 * 90_000), "not_enough", "delay_s is 90"),
        (Evidence(both=90, delay_ms=90 * 90_000), "failed", "delay_s is 90"),
        (Evidence(decisions=40, same=20), "failed", "20 of 40 decisions differ"),
        (Evidence(both=90, champion_cpu_s=1.0, challenger_cpu_s=3.0), "failed", "costs 3.0 times"),
        (
            Evidence(both=90, champion_cpu_s=1, challenger_cpu_s=1, champion_p95_ms=10, challenger_p95_ms=31),
            "failed",
            "score latency p95 is 31.0 ms, the champion's 10.0 ms",
        ),
        (
            Evidence(both=90, champion_cpu_s=1, challenger_cpu_s=1, champion_p95_ms=0.1, challenger_p95_ms=4.9),
            "passed",
            "90 incidents",
        ),
        (
            Evidence(both=90, champion_true=20, challenger_true=12, challenger_false=8),
            "failed",
            "precision from verdicts is 0.60",
        ),
        (Evidence(faults=40, champion_faults=38, challenger_faults=30), "failed", "8 of 38 replayed faults"),
        (
            Evidence(faults=40, champion_faults=38, challenger_faults=38, challenger_extra=38),
            "failed",
            "false findings",
        ),
        (Evidence(faults=40, champion_faults=38, challenger_faults=38), "passed", "40 of them replayed"),
        (Evidence(errors=1), "failed", "failed 1 times"),
    ],
)
def test_gates(evidence, verdict, says):
    found = judge(ROLLOUT, evidence, GatePolicy())
    assert found.verdict == verdict, found
    assert says in "; ".join(found.reasons)


EVEN = GatePolicy(shadow=Gate(even=True), canary=Gate(even=True))


@pytest.mark.parametrize(
    ("kind", "even", "verdict", "says"),
    [
        ("edges", None, "not_enough", "whom it serves worse was not looked at yet"),
        ("edges", "too_few", "not_enough", "whether it serves everybody alike: of tier 2"),
        ("edges", "worse", "failed", "it serves some worse: of tier 2"),
        ("edges", "none", "passed", "of tier 2"),
        ("diagnoser", None, "passed", "90 incidents"),
    ],
)
def test_a_policy_may_ask_that_nobody_is_served_worse(kind, even, verdict, says):
    rollout = msgspec.structs.replace(ROLLOUT, kind=kind)
    found = judge(rollout, Evidence(both=90, even=even, even_says="of tier 2"), EVEN)
    assert found.verdict == verdict, found
    assert says in "; ".join(found.reasons)
    assert judge(rollout, Evidence(both=90, even="worse"), GatePolicy()).verdict == "passed", "only when it asks"


def test_a_calmer_version_that_finds_the_replayed_faults_may_be_silent_where_nothing_confirms_the_champion():
    calm = Evidence(champion_only=30, faults=40, champion_faults=38, challenger_faults=38)
    assert figures_of(calm, GatePolicy())["missed"] == 0
    assert figures_of(msgspec.structs.replace(calm, corroborated=5), GatePolicy())["missed"] == 5
    assert figures_of(calm, GatePolicy(replayed_faults_count=False))["missed"] == 30


def test_faults_that_only_the_challenger_finds_in_a_replay_are_no_pages_too_many():
    keener = Evidence(faults=40, champion_faults=20, challenger_faults=38, challenger_extra=1)
    assert figures_of(keener, GatePolicy())["page_ratio"] == pytest.approx(39 / 38)
    louder = Evidence(faults=40, champion_faults=20, challenger_faults=20, challenger_extra=20)
    assert figures_of(louder, GatePolicy())["page_ratio"] == 2.0


def test_pages_that_are_its_alone_send_it_back_though_most_of_its_findings_are_shared():
    loud = Evidence(both=60, challenger_only=12, pages=12, extra_pages=9)
    found = judge(ROLLOUT, loud, GatePolicy())
    assert (found.verdict, found.reasons) == ("failed", ("9 of 12 pages are its alone; 20% may be",))
    assert judge(ROLLOUT, msgspec.structs.replace(loud, extra_pages=1), GatePolicy()).verdict == "passed"


def test_a_policy_by_which_replays_do_not_count_does_not_fail_a_version_for_them():
    deaf = Evidence(faults=40, champion_faults=38)
    assert judge(ROLLOUT, deaf, GatePolicy()).verdict == "failed"
    assert judge(ROLLOUT, deaf, GatePolicy(replayed_faults_count=False)).verdict == "not_enough"
