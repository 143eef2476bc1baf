"""What alerts name besides their entity ties what no known call does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.correlate.test_correlator import alert, decide, incident
from tests.scenarios.drill import Drill, ms
from tests.scenarios.shops import WIDE

from mainstay.correlate.evidence.words import COMMON, FORGOTTEN_MS, LONGEST, MOST_OF_ONE, MOST_WORDS, Words, words_of
from mainstay.domain.alerts import Alert
from mainstay.domain.models import VersionRef
from mainstay.domain.signals import Normal


def rule(who: str, since_s: float, labels: dict[str, str] | None = None, **fields: Any) -> Alert:
    """A rule of the user's own about a service that nobody has seen a call of."""
    given = {"severity": "major", "signal": "errors", "source": "alertmanager", **fields}
    return Alert(
        id=f"{who}|{since_s:g}", fingerprint=who, entity=f"service:prod/{who}", name="Trouble", status="firing",
        since_ms=ms(since_s), at_ms=ms(since_s), decided_by=VersionRef("rule/trouble", 0),
        labels={"alertname": "Trouble", **(labels or {})}, **given,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "summary", "words"),
    [
        ({}, "", ["cart"]),
        (
            {"node": "Worker-3", "severity": "major", "cluster": "eu", "code": "500", "ok": "no"},
            "",
            ["cart", "worker-3"],
        ),
        ({}, "2 of 5 pods wait since 09:15 for db-7.", ["cart", "db-7"]),
        ({}, "no route to 10.1.2.3:5432, p99 4.5 s", ["cart", "10.1.2.3:5432", "p99"]),
        ({"x": "y" * (LONGEST + 1)}, "", ["cart"]),
    ],
)
def test_the_things_that_an_alert_names(labels: dict[str, str], summary: str, words: list[str]) -> None:
    assert words_of(rule("cart", 0, labels, summary=summary)) == words


def test_what_a_detector_measured_is_no_name() -> None:
    assert words_of(rule("cart", 0, {"pod": "cart-1"}, source="detector")) == ["cart"]


def test_an_alert_of_ten_thousand_labels_costs_no_more() -> None:
    assert len(words_of(rule("cart", 0, {f"l{n}": f"value-{n}" for n in range(10_000)}))) == MOST_OF_ONE


def test_what_many_speak_of_says_nothing() -> None:
    words = Words()
    met = [words.met(f"e{n}", ["shared-1"], n) for n in range(COMMON + 1)]
    assert met[: COMMON - 1] == [{f"e{k}": "shared-1" for k in range(n)} for n in range(COMMON - 1)]
    assert met[COMMON - 1 :] == [{}, {}]


def test_the_rarest_word_is_the_one_that_is_told_and_an_hour_is_long_ago() -> None:
    words = Words()
    for who in ("a", "b", "c"):
        words.met(who, ["zone-1"], 0)
    words.met("a", ["disk-9"], 0)
    assert words.met("d", ["zone-1", "disk-9"], FORGOTTEN_MS)["a"] == "disk-9"
    assert words.met("e", ["zone-1", "disk-9"], 2 * FORGOTTEN_MS + 1) == {}


@given(st.lists(st.tuples(st.sampled_from("abcdefg"), st.lists(st.sampled_from("uvwxyz"), max_size=4)), max_size=30))
def test_nobody_meets_himself_and_whom_one_meets_spoke_before(said: list[tuple[str, list[str]]]) -> None:
    words, spoke = Words(), {}
    for at_ms, (who, named) in enumerate(said):
        for other, word in words.met(who, named, at_ms).items():
            assert other != who
            assert word in named
            assert other in spoke[word]
        for word in named:
            spoke.setdefault(word, set()).add(who)


def test_the_table_is_bounded() -> None:
    words = Words()
    for n in range(MOST_WORDS + 50):
        words.met("a", [f"w{n}"], n)
    assert len(words.known) == MOST_WORDS
    assert words.met("b", ["w0"], MOST_WORDS) == {}


def test_a_shared_name_ties_two_that_no_call_does_and_says_so() -> None:
    known = {"incidents": [incident("INC-1", ("c", 0))]}
    assert decide(alert(where="x", since_s=5), **known)["action"] == "hold"
    said = decide(alert(where="x", since_s=5), words={"service:p/c": "node-7"}, **known)
    assert (said["action"], said["incident"]) == ("join", "INC-1")
    assert "x and c both speak of node-7" in said["why"]
    assert decide(alert(where="x", since_s=120), words={"service:p/c": "node-7"}, **known)["action"] == "hold"


@pytest.mark.parametrize(("node", "incidents"), [("node-7", 1), ("node-8", 2)])
def test_rules_about_one_node_are_one_incident_without_any_topology(node: str, incidents: int) -> None:
    drill = Drill(WIDE)
    drill.record(Normal(), 20, [rule("billing-api", 18, {"node": "node-7"})])
    drill.record(Normal(), 30, [rule("archive", 28, summary=f"no heartbeat from {node}")])
    assert len(drill.open) == incidents
    drill.judges.reperform()


def test_an_alert_that_names_a_service_belongs_to_its_trouble() -> None:
    drill = Drill(WIDE)
    drill.record(Normal(), 20, [rule("ledger-db", 18)])
    drill.record(Normal(), 30, [rule("archive", 28, {"upstream": "ledger-db"})])
    assert [len(found.groupings) for found in drill.open] == [2]
