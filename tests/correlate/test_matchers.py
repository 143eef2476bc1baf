"""Matchers against an oracle of a few lines, hostile patterns, and weekly windows against a look at every minute."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.domain.errors import BadInput
from mainstay.domain.silences import DAYS, Matcher, Silence, Weekly, Window
from mainstay.matching import checked, matcher_of, matches

T0_MS = 1_790_000_000_000
words = st.text("ab|.*+()é\n", max_size=5)
plain = st.text("abé", max_size=4)
patterns = st.recursive(
    st.sampled_from(["a", "b", "é", ".", "[ab]", "a*", "b+", "a?", ""]),
    lambda inner: st.builds("({}|{})".format, inner, inner) | st.builds("{}{}".format, inner, inner),
    max_leaves=5,
)
known = st.dictionaries(st.sampled_from(["x", "y"]), st.lists(plain, min_size=1, max_size=3).map(tuple))


def refusal(act: Callable[[], object], otherwise: str = "") -> str:
    """What it is refused with."""
    try:
        act()
    except BadInput as error:
        return str(error)
    return otherwise


@given(matcher=st.builds(Matcher, name=st.sampled_from(["x", "y"]), value=words, is_equal=st.booleans()), known=known)
def test_equality_is_equality_and_what_is_absent_is_empty(matcher: Matcher, known: dict[str, tuple[str, ...]]) -> None:
    is_there = any(value == matcher.value for value in known.get(matcher.name, ("",)))
    assert matches(matcher, known) == (is_there if matcher.is_equal else not is_there)


@settings(max_examples=150, deadline=None)
@given(pattern=patterns, known=known, is_equal=st.booleans())
def test_a_pattern_means_what_python_says_over_the_whole_text(
    pattern: str, known: dict[str, tuple[str, ...]], is_equal: bool
) -> None:
    matcher = checked(Matcher(name="x", value=pattern, is_regex=True, is_equal=is_equal))
    is_there = any(re.fullmatch(pattern, value) for value in known.get("x", ("",)))
    assert matches(matcher, known) == (is_there == is_equal)


@given(
    st.builds(
        Matcher, name=st.from_regex(r"[a-z_]{1,8}", fullmatch=True), value=st.text("ab =!~,'é", max_size=8),
        is_regex=st.booleans(), is_equal=st.booleans(),
    )
)  # fmt: skip
def test_what_is_written_is_read_again(matcher: Matcher) -> None:
    assert matcher_of(str(matcher)) == matcher
    assert matcher_of("{" + str(matcher) + "}") == matcher


@settings(deadline=None)
@given(st.text(max_size=40))
def test_whatever_is_typed_is_a_matcher_or_is_refused_in_words(text: str) -> None:
    assert "matcher" in refusal(lambda: matches(matcher_of(text), {"a": ("b",)}), otherwise="a matcher")


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|aa)+$", "(a|a?)+b", "(.*a){20}", "([a-zA-Z]+)*c", "^(([a-z])+.)+[A-Z]$"]
)
def test_a_pattern_that_stops_a_backtracking_matcher_costs_the_length_of_the_text(pattern: str) -> None:
    matcher = checked(Matcher(name="x", value=pattern, is_regex=True))
    for size in (30, 4_000, 60_000):
        assert not matches(matcher, {"x": ("a" * size + "!",)})


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("(", "not a regular expression"),
        ("a{2,1}", "not a regular expression"),
        (r"(a)\1", "not a regular expression"),
        ("(?!a)b", "no look-around"),
        ("(.{0,50}){0,20}", "repeats 1000 times"),
        ("a{999999999999}", "repeats 999999 times"),
        ("a" * 513, "1 to 512 characters; got 1 and 513"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_before_an_alert_meets_it(pattern: str, says: str) -> None:
    with pytest.raises(BadInput, match=re.escape(says)):
        checked(Matcher(name="x", value=pattern, is_regex=True))


def weekly_window(weekly: Weekly, starts_ms: int = T0_MS, weeks: int = 5) -> Window:
    return Window(
        id="w", entities=("service:prod/a",), starts_ms=starts_ms, ends_ms=starts_ms + weeks * 604_800_000, by="ada",
        weekly=weekly,
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    days=st.sets(st.sampled_from(DAYS), min_size=1),
    at=st.times().map(lambda t: f"{t:%H:%M}"),
    minutes=st.integers(1, 2 * 24 * 60),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]),
    ask_min=st.integers(0, 40 * 24 * 60),
)
def test_a_weekly_window_runs_when_its_wall_clock_says_so(
    days: set[str], at: str, minutes: int, zone: str, ask_min: int
) -> None:
    window = weekly_window(Weekly(days=tuple(sorted(days)), at=at, minutes=minutes, zone=zone))  # type: ignore[arg-type]
    at_ms = T0_MS + ask_min * 60_000
    stretch = window.stretch(at_ms)
    runs = stretch is not None and stretch[0] <= at_ms < stretch[1]
    assert runs == (window.starts_ms <= at_ms < window.ends_ms and _runs(window.weekly, at_ms))  # type: ignore[arg-type]
    assert (window.standing(at_ms) == "active") == runs
    assert stretch is None or stretch[0] < stretch[1]


def _runs(weekly: Weekly, at_ms: int) -> bool:
    now = datetime.fromtimestamp(at_ms / 1000, UTC)
    local = now.astimezone(ZoneInfo(weekly.zone)).date()
    hour, minute = map(int, weekly.at.split(":"))
    for back in range(-1, 5):
        day = local - timedelta(days=back)
        began = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(weekly.zone)).astimezone(UTC)
        if DAYS[day.weekday()] in weekly.days and began <= now < began + timedelta(minutes=weekly.minutes):
            return True
    return False


def test_a_weekly_window_keeps_its_hour_when_the_clocks_change() -> None:
    weekly = Weekly(days=("sun",), at="02:00", minutes=60, zone="Europe/Berlin")
    before = datetime(2026, 10, 18, 0, 30, tzinfo=UTC).timestamp() * 1000  # 02:30 in summer
    after = datetime(2026, 11, 1, 1, 30, tzinfo=UTC).timestamp() * 1000  # 02:30 in winter
    window = weekly_window(weekly, int(before) - 86_400_000)
    assert window.standing(int(before)) == window.standing(int(after)) == "active"
    assert window.standing(int(after) - 3_600_000) == "pending"


@given(starts=st.integers(-(10**15), 10**18), ends=st.integers(-(10**15), 10**18), now=st.integers(0, 4 * 10**12))
def test_times_are_in_order_or_refused(starts: int, ends: int, now: int) -> None:
    made = Silence(id="s", matchers=(Matcher(name="a", value="b"),), starts_ms=starts, ends_ms=ends, by="ada")
    if 0 <= starts < ends <= 4_102_444_800_000 and now < ends:
        assert made.checked(now) is made
    else:
        assert "got" in refusal(lambda: made.checked(now))
