"""What a change did, where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from tests.models.shops_changed import question

from mainstay.models.impact import ImpactJudge
from mainstay.models.impact.moments import Window, beyond_peers, is_calm, sides

JUDGE = ImpactJudge({})


def verdict(*args, **more):
    return JUDGE.decide(question(*args, **more))["verdict"]


@pytest.mark.parametrize(
    "harm", [{"latency": 1.8, "own": 1.8}, {"errors": 0.1}, {"rate": 0.2}], ids=["slower", "failing", "asked less"]
)
def test_harm_is_found(harm):
    assert [verdict(seed, harm) for seed in range(10)] == ["harmful"] * 10


def test_a_change_without_effect_is_harmless():
    assert [verdict(seed) for seed in range(40)].count("harmless") >= 38


def test_what_is_too_little_to_matter_is_no_harm():
    assert [verdict(seed, {"latency": 1.08}) for seed in range(20)].count("harmful") <= 1


def test_a_wave_that_all_feel_is_nobodys_fault():
    asked = question(3)
    for row in asked["signals"]["latency"]:
        row[asked["at"] :] = [2.5 * value for value in row[asked["at"] :]]
    assert JUDGE.decide(asked)["verdict"] == "harmless"


def test_without_peers_a_wave_is_taken_for_the_change():
    """Three peers are needed to know what a wave is; it is said how many there were."""
    asked = question(3, units=2)
    asked["signals"]["latency"][0][asked["at"] :] = [2.5 * v for v in asked["signals"]["latency"][0][asked["at"] :]]
    found = JUDGE.decide(asked)
    assert (found["verdict"], found["peers"]) == ("harmful", [])


def test_what_a_callee_explains_is_not_the_changes_doing():
    asked = question(5, {"latency": 3.0}, callees=[4])
    assert JUDGE.decide(asked)["verdict"] == "harmful"
    asked["signals"]["own"][4][asked["at"] :] = [900.0] * 7
    asked["signals"]["latency"][4][asked["at"] :] = [900.0] * 7
    found = JUDGE.decide(asked)
    assert found["verdict"] == "not-enough-evidence"
    assert "service:t/s4, which it calls, got worse" in found["says"]


def test_a_callee_that_is_hardly_worse_explains_little():
    asked = question(5, {"errors": 0.4}, callees=[4])
    asked["signals"]["errors"][4][asked["at"] :] = [0.05] * 7
    assert JUDGE.decide(asked)["verdict"] == "harmful"
    asked["signals"]["errors"][4][asked["at"] :] = [0.6] * 7
    assert JUDGE.decide(asked)["verdict"] == "not-enough-evidence"


def test_a_callee_about_which_alerts_burn_is_the_reason_all_the_same():
    asked = question(5, {"errors": 0.4}, callees=[4])
    asked["signals"]["errors"][4][asked["at"] :] = [0.6] * 7
    asked["clean"][4] = asked["clean"][4][: asked["at"]] + "0" * 7
    assert "service:t/s4, which it calls, got worse" in JUDGE.decide(asked)["says"]


def test_a_callee_whose_calls_never_come_to_it_is_not_the_reason():
    """A wrong address in the caller's configuration: it sees the callee fail, and the callee is hardly asked."""
    asked = question(5, {"errors": 0.9}, callees=[4])
    asked["signals"]["errors"][4][asked["at"] :] = [1.0] * 7
    asked["signals"]["rate"][4][asked["at"] :] = [0.0] * 7
    assert JUDGE.decide(asked)["verdict"] == "harmful"
    asked["signals"]["availability"][4][asked["at"] :] = [0.0] * 7  # it is down: that is why
    assert JUDGE.decide(asked)["verdict"] == "not-enough-evidence"


def test_calls_that_fail_are_tried_again_so_errors_explain_latency():
    asked = question(5, {"errors": 0.4, "latency": 3.0}, callees=[4])
    asked["signals"]["errors"][4][asked["at"] :] = [0.6] * 7
    assert "service:t/s4, which it calls, got worse" in JUDGE.decide(asked)["says"]


def test_its_own_time_is_its_own_whatever_a_callee_does():
    asked = question(5, {"latency": 3.0, "own": 4.0}, callees=[4])
    asked["signals"]["own"][4][asked["at"] :] = [900.0] * 7
    assert JUDGE.decide(asked)["verdict"] == "harmful"


def test_a_service_that_was_as_unwell_before_is_not_blamed_on_the_change():
    asked = question(6, {"errors": 0.4})
    asked["signals"]["errors"][0][80:90] = [0.4] * 10
    asked["clean"][0] = "1" * 80 + "0" * (len(asked["clean"][0]) - 80)
    found = JUDGE.decide(asked)
    assert (found["verdict"], found["says"]) == ("not-enough-evidence", "it was as unwell before the change")


def unwell(asked: dict, since: int, until: int | None = None) -> dict:
    """With an alert burning on the changed service from a bucket on, as on one that feels everybody's faults."""
    marks = list(asked["clean"][0])
    marks[since:until] = "0" * len(marks[since:until])
    asked["clean"][0] = "".join(marks)
    return asked


def test_the_reference_reaches_back_to_when_it_was_well():
    """An alert that burned for all of the last four minutes: what was before it is known all the same."""
    found = JUDGE.decide(unwell(question(3, {"errors": 0.4}), 30))
    assert found["verdict"] == "harmful"
    assert JUDGE.decide(unwell(question(3), 30))["verdict"] == "harmless"


def test_who_was_never_well_can_get_worse_but_is_not_called_harmless():
    found = JUDGE.decide(unwell(question(3, {"latency": 4.0, "own": 4.0}), 0))
    assert found["verdict"] == "harmful"
    calm = JUDGE.decide(unwell(question(3), 0))
    assert (calm["verdict"], calm["says"]) == (
        "not-enough-evidence", "it was unwell all the time before the change, as far as is kept, and did not get worse",
    )  # fmt: skip


@pytest.mark.parametrize(("before", "verdict"), [(0.1, "harmful"), (0.35, "not-enough-evidence")])
def test_an_illness_before_excuses_as_much_again_and_not_more(before, verdict):
    asked = question(6, {"errors": 0.6})
    asked["signals"]["errors"][0][80:90] = [before] * 10
    assert JUDGE.decide(unwell(asked, 80))["verdict"] == verdict


def test_an_outside_fault_that_struck_just_before_is_seen_in_the_last_two_buckets():
    asked = question(6, {"errors": 0.6})
    asked["signals"]["errors"][0][88:90] = [0.6] * 2
    assert JUDGE.decide(unwell(asked, 88))["says"] == "it was as unwell before the change"


@pytest.mark.parametrize("side", ["before", "after"])
def test_it_says_on_which_side_requests_are_missing(side):
    asked = question(1)
    rows = asked["signals"]
    for name in rows:
        rows[name][0] = [None if (at < 88) == (side == "before") else v for at, v in enumerate(rows[name][0])]
    assert JUDGE.decide(asked)["says"] == f"too few requests were seen {side} the change"


def test_what_ends_an_illness_is_harmless():
    asked = question(6)
    asked["signals"]["errors"][0][75:90] = [0.4] * 15
    asked["clean"][0] = "1" * 75 + "0" * (len(asked["clean"][0]) - 75)
    assert JUDGE.decide(asked)["verdict"] == "harmless"


def test_who_calls_it_may_feel_it():
    asked = question(7, {"latency": 4.0, "own": 4.0})
    asked["signals"]["latency"][1][asked["at"] :] = [500.0] * 7
    assert JUDGE.decide(asked)["felt"] == ["service:t/s1"]


def test_little_history_is_not_enough_for_harmless():
    found = JUDGE.decide(question(1, history=8))
    assert found["verdict"] == "not-enough-evidence"


def test_silence_is_no_evidence():
    asked = question(1)
    asked["signals"] = {name: [[None] * len(row) for row in rows] for name, rows in asked["signals"].items()}
    found = JUDGE.decide(asked)
    assert (found["verdict"], found["p_value"]) == ("not-enough-evidence", None)
    assert JUDGE.decide({**asked, "signals": {}})["verdict"] == "not-enough-evidence"


def test_a_wide_interval_is_not_harmless():
    rng = np.random.default_rng(1)
    asked = question(1)
    asked["signals"]["latency"] = np.exp(rng.normal(3, 1.2, (8, 97))).tolist()
    found = JUDGE.decide(asked)
    assert found["verdict"] == "not-enough-evidence"
    assert "too wide a range" in found["says"]


def test_memory_counts_only_when_it_lasts():
    rows = [[1e8] * 97 for _ in range(8)]
    rows[0][90:] = [4e8] * 7
    short = question(2)
    short["signals"]["memory"] = rows
    assert JUDGE.decide(short)["verdict"] == "harmless"
    assert [e["effect"] for e in JUDGE.decide(short)["effects"] if e["signal"] == "memory"] == [4.0]
    assert JUDGE.decide({**short, "bucket_s": 50.0})["verdict"] == "harmful"


def test_the_interval_holds_the_truth_nine_times_of_ten():
    within = 0
    for seed in range(60):
        effects = {e["signal"]: e for e in JUDGE.decide(question(seed, {"latency": 1.5, "own": 1.5}))["effects"]}
        within += effects["latency"]["low"] <= 1.5 <= effects["latency"]["high"]
    assert within >= 48


def test_an_unknown_parameter_is_refused():
    with pytest.raises(Exception, match="unknown parameter"):
        ImpactJudge({"alhpa": 1})


def test_calm_is_from_just_before_a_moment_to_the_end_of_its_window():
    clean = np.ones((1, 10), np.bool_)
    clean[0, 4] = False
    window = Window(2, 1, 2)
    assert is_calm(clean, window, np.arange(2, 8)).tolist() == [[False, False, False, False, True, True]]


def test_a_share_is_averaged_and_a_time_is_not():
    values = np.array([[0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]])
    at = np.array([3])
    assert sides(values, values > -1, Window(3, 1, 3), at, is_share=True)[1].round(2).tolist() == [[0.33]]
    assert sides(values, values > -1, Window(3, 1, 3), at, is_share=False)[1].tolist() == [[0.0]]


def test_two_peers_are_no_peers():
    difference = np.array([[1.0], [5.0], [5.0]])
    assert beyond_peers(difference, np.array([False, True, True])).tolist() == difference.tolist()
