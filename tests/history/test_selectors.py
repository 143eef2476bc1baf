"""Selectors are narrowed without changing what they mean; intervals are found from samples."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.history.fake_prometheus import FakePrometheus

from mainstay.domain.errors import BadInput
from mainstay.history.prometheus.client import Pace, Prometheus
from mainstay.history.prometheus.credentials import Credentials
from mainstay.history.prometheus.intervals import intervals, usual
from mainstay.history.prometheus.selectors import EVERYTHING, Selector, any_of, quoted, readings


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("up", '{__name__="up"}'),
        (' up { job = "a" , } ', '{__name__="up",job = "a"}'),
        ('{job="a}b"}', '{job="a}b"}'),
        ("up{}", '{__name__="up"}'),
        (EVERYTHING, EVERYTHING),
    ],
)
def test_what_a_selector_is(text, becomes):
    assert Selector.read(text).text == becomes


@pytest.mark.parametrize("text", ["", "{}", "rate(up[5m])", "up[5m]", "sum by (job) (up)", "up offset 5m"])
def test_what_no_selector_is(text):
    with pytest.raises(BadInput, match="series selector"):
        Selector.read(text)


@settings(deadline=None)
@given(st.lists(st.text(max_size=6), min_size=1, max_size=4), st.text(max_size=6))
def test_any_of_means_exactly_these_words(words, other):
    inside = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], any_of(words)[1:-1])
    for word in {*words, other}:
        assert bool(re.fullmatch(inside, word)) == (word in words)


@settings(deadline=None)
@given(st.text(max_size=10))
def test_a_quoted_string_ends_where_it_should(text):
    assert re.fullmatch(r'"(?:[^"\\\n]|\\.)*"', quoted(text))


def test_each_series_is_in_one_group_by_interval():
    groups = readings([Selector.read("up")], {"a": 15, "b": 60, "c.d": 60, "e": 5}, 15)
    assert [one.step_s for one in groups] == [15, 5, 60]
    assert 'job!~"b|c\\\\.d|e"' in groups[0].selector.text
    assert 'job=~"b|c\\\\.d"' in groups[2].selector.text
    assert groups[2].expression.endswith("[59999ms])")


def every(step, job, name="up", since=0, until=1800, **labels):
    pairs = {"__name__": name, "job": job, **labels}
    return {tuple(pairs.items()): dict.fromkeys(range(since, until, step), 1.0)}


def test_intervals_come_from_the_times_of_samples():
    series = {
        **every(15, "api"),
        **every(60, "node"),
        **every(7, "odd"),
        **every(300, "api", name="job:rate5m"),  # a recording rule with the job's label
        **every(10_000, "once"),
        **every(30, "gone", until=900),  # was there only in the beginning
    }
    with FakePrometheus(series).running() as url:
        client = Prometheus(url, Credentials(), Pace(1000.0), lambda _: None)
        found = intervals(client, [Selector.read(EVERYTHING)], [1799, 899])
        client.close()
    assert found == {"api": 15, "node": 60, "odd": 7, "gone": 30}
    assert usual(found) in found.values()
