"""An alert in words that a person can believe or not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.detect.spoken import AT_MS, Spoken, applied, only, turn
from tests.detect.test_rules import rule

from mainstay.detect import Detect, explain
from mainstay.detect.explanation import CHANNELS, period
from mainstay.domain.alerts import Alert
from mainstay.domain.budget import LearnedBar
from mainstay.domain.signals import Normal


def told(**more: object) -> Alert:
    models = Spoken()
    models.say("edges", turn(True, **more))  # type: ignore[arg-type]
    return only(applied(Detect(models)))


def test_it_says_everything_that_is_asked_of_an_alert() -> None:
    alert = told(p_value=6.4e-7)
    words = explain(alert)
    assert (words.expected, words.came, words.since_ms) == ("1–2 ms", "3 ms", alert.since_ms)
    assert words.rarity == "about once in 3 months for these calls"
    assert words.channel == "more slow calls than this edge ever has"
    assert words.decided_by == "edges@1"
    assert words.if_wrong == f"mainstay incidents verdict {alert.id} not-anomaly"
    assert (words.held_back, words.learned) == ("", None)


@pytest.mark.parametrize(
    ("subject", "of"), [("metric:7", "this series"), ("log:service:lab/b#9", "this line"), ("x", "it")]
)
def test_rarity_is_of_the_very_thing_that_was_judged(subject: str, of: str) -> None:
    assert explain(told(subject=subject)).rarity.endswith(f"for {of}")


def test_what_gives_no_chance_says_so_and_what_has_no_band_says_what_it_says() -> None:
    words = explain(told(p_value=None, band=None))
    assert words.rarity == "its detector gives no chance"
    assert (words.expected, words.came) == ("", "p95 of b 2.4 s")


def test_a_rule_of_the_user_is_theirs() -> None:
    words = explain(only(applied(Detect(Spoken()), Normal(alerts=(rule(),)))))
    assert words.expected == "what your rule says"
    assert words.rarity == "not counted: a rule of your own"
    assert words.decided_by == "rule/DiskAlmostFull@0"
    assert words.if_wrong == "change the rule: it is yours"


def test_what_was_learned_of_this_condition_is_beside_it_and_of_others_not() -> None:
    alert = told()
    bar = LearnedBar(
        id=alert.fingerprint, entity=alert.entity, name=alert.name, channel=alert.channel, judged=4.0, needed=6.0,
        alert=alert.id, verdict="V-1", by="ada", at_ms=AT_MS, held=1,
    )  # fmt: skip
    assert explain(alert, [bar]).learned_says.startswith("1 alert held back since ada said")
    assert explain(told(subject="edge:a>c"), [bar]).learned is None


@pytest.mark.parametrize("channel", [*CHANNELS, "a channel of tomorrow"])
def test_every_channel_has_words(channel: str) -> None:
    assert explain(told(channel=channel)).channel


@given(st.floats(0.0, 1e30, allow_nan=False))
def test_a_period_is_always_words_and_never_one_of_many(seconds: float) -> None:
    says = period(seconds)
    assert re.fullmatch(
        r"about once (an? \w+|in \d+ \w+s)|less than once in 100 years|more often than once a minute", says
    )
    assert "in 1 " not in says
