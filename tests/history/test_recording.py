"""Reading goes on where it was cut off, loses nothing, doubles nothing, and asks for less when it was too much."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.history.fake_prometheus import FakePrometheus

from mainstay.domain.errors import BadInput, MainstayError, NotFound, Refused
from mainstay.history.plan import Plan, external_labels, further, made
from mainstay.history.prometheus.alerts import turns
from mainstay.history.prometheus.client import GaveUp, Pace, Prometheus
from mainstay.history.prometheus.credentials import Credentials
from mainstay.history.prometheus.fetching import Fetching, samples_of
from mainstay.history.prometheus.selectors import EVERYTHING, Selector, readings
from mainstay.history.recording import read_slices, records, slices

BEGIN = 1_795_003_200  # a full hour
HOUR = 3600


def series(count=3, step=15, hours=2):
    return {
        (("__name__", "requests_total"), ("job", "api"), ("instance", str(n))): {
            at: float(n * at) for at in range(BEGIN, BEGIN + hours * HOUR + 1, step)
        }
        for n in range(count)
    }


OPEN = []


def asking(url, patience_s=10.0):
    """A client that does not really wait; closed when the test is over."""
    OPEN.append(Prometheus(url, Credentials(), Pace(1000.0, 5.0, patience_s), lambda _: None))
    return OPEN[-1]


@pytest.fixture(autouse=True)
def closed():
    yield
    while OPEN:
        OPEN.pop().close()


def content(folder):
    """Everything in a recording: what came when."""
    return [
        (r.seq, r.source, r.received_ns, r.body, r.decoded and [str(s) for s in r.decoded.metrics.streams],
         r.decoded and r.decoded.metrics.value.tolist())
        for r in records(folder)
    ]  # fmt: skip


def planned(url, hours=2, **other):
    plan = Plan(url=url, match=(EVERYTHING,), since_s=BEGIN, untils_s=(BEGIN + hours * HOUR,), steps={"api": 15},
                usual_s=15, slice_s=900)  # fmt: skip
    return Plan(**{**{name: getattr(plan, name) for name in plan.__struct_fields__}, **other})


def silent(_):
    pass


def test_every_sample_is_there_once_in_its_time(tmp_path):
    given_series = series()
    with FakePrometheus(given_series).running() as url:
        plan = planned(url)
        plan.save(tmp_path)
        read = read_slices(tmp_path, plan, asking(url), silent)
    assert (
        read.samples_now == 3 * 2 * HOUR // 15
    )  # the first sample stands at the border, which belongs to the time before
    found = sorted(
        (stream.labels, at // 10**9, value)
        for r in records(tmp_path)
        if r.decoded
        for stream, at, value in zip(
            r.decoded.metrics.streams, r.decoded.metrics.at_ns, r.decoded.metrics.value, strict=True
        )
    )
    truth = sorted(
        (tuple(sorted(pair for pair in labels if pair[0] != "__name__")), at, value)
        for labels, values in given_series.items()
        for at, value in values.items()
        if at > BEGIN
    )
    assert found == truth
    assert [r.seq for r in records(tmp_path)] == list(range(1, sum(1 for _ in records(tmp_path)) + 1))


@pytest.mark.parametrize("dies_at", [1, 4, 13])
def test_a_run_that_was_cut_off_goes_on(tmp_path, dies_at):
    alerts = {(("__name__", "ALERTS"), ("alertname", "A"), ("alertstate", "firing")): dict.fromkeys(
        range(BEGIN + 890, BEGIN + 2000), 1.0)}  # fmt: skip
    for folder, wrong in ((tmp_path / "cut", [None] * dies_at + [503] * 60), (tmp_path / "whole", [])):
        fake = FakePrometheus(series() | alerts, wrong=wrong)
        with fake.running() as url:
            plan = planned("http://same")
            folder.mkdir()
            plan.save(folder)
            if wrong:
                with pytest.raises(GaveUp):
                    read_slices(folder, plan, asking(url), silent)
                there = {path: path.stat().st_mtime_ns for path in folder.glob("slices/*.slice")}
                with pytest.raises(NotFound, match="goes on"):
                    list(records(folder))
                (folder / "slices" / "torn.part").write_bytes(b"half")
                fake.wrong = []
            read_slices(folder, plan, asking(url), silent)
    assert {path: path.stat().st_mtime_ns for path in there} == there
    assert content(tmp_path / "cut") == content(tmp_path / "whole")


def test_going_further_keeps_what_is_there(tmp_path):
    with FakePrometheus(series()).running() as url:
        plan = planned(url, hours=1)
        read_slices(tmp_path, plan, asking(url), silent)
        longer = further(plan, url, (EVERYTHING,), BEGIN + 5, BEGIN + 2 * HOUR + 59)
        longer.save(tmp_path)
        read = read_slices(tmp_path, longer, asking(url), silent)
    assert (read.slices, read.read_now) == (8, 4)
    assert sum(one.samples for one in slices(tmp_path)) == 3 * 2 * HOUR // 15
    assert further(longer, url, (EVERYTHING,), BEGIN, BEGIN) is longer
    with pytest.raises(BadInput, match="was begun here"):
        further(plan, "http://another", (EVERYTHING,), BEGIN, BEGIN)
    with pytest.raises(BadInput, match="begins at 2026-11-18"):
        further(plan, url, (EVERYTHING,), BEGIN - HOUR, BEGIN)


def test_a_full_disk_is_said_with_what_to_do(tmp_path):
    (tmp_path / "slices").mkdir()
    plan = planned("http://same")
    for since, until in plan.slices():
        (tmp_path / "slices" / f"{since}-{until}.slice.part").mkdir()  # nothing can be written under this name
    with FakePrometheus(series()).running() as url, pytest.raises(MainstayError, match="run the same command again"):
        read_slices(tmp_path, plan, asking(url), silent)


@settings(max_examples=25, deadline=None)
@given(most=st.integers(3, 60), span=st.integers(1, 900), offset=st.integers(0, 899))
def test_smaller_pieces_hold_the_same(most, span, offset):
    fake = FakePrometheus(series(hours=1), most_points=most)
    with fake.running() as url:
        fetching = Fetching(asking(url))
        since = BEGIN + offset
        columns = samples_of(fetching, readings([Selector.read("requests_total")], {}, 15), {}, since, since + span)
    expected = [at for at in range(BEGIN, BEGIN + HOUR + 1, 15) if since < at <= since + span]
    assert columns.finished(since, since + span, 15, []).samples == 3 * len(expected)


def test_what_is_too_much_even_for_one_moment_is_said(tmp_path):
    with FakePrometheus(series(), most_points=2).running() as url, pytest.raises(Refused, match="--match"):
        read_slices(tmp_path, planned(url), asking(url), silent)


def test_external_labels_are_those_that_remote_write_would_add():
    config = "global: {external_labels: {cluster: a, instance: never}}"
    fake = FakePrometheus(series(count=1), config=config)
    with fake.running() as url:
        plan = made(asking(url), (EVERYTHING,), BEGIN, BEGIN + 2 * HOUR)
        columns = samples_of(Fetching(asking(url)), plan.readings, plan.external, BEGIN, BEGIN + 60)
    assert plan.external == external_labels(config)
    [labels] = columns.finished(BEGIN, BEGIN + 60, 15, []).labels
    assert dict(labels) == {"__name__": "requests_total", "job": "api", "instance": "0", "cluster": "a"}
    assert (plan.usual_s, plan.steps, plan.slice_s) == (15, {"api": 15}, 21_600)


@pytest.mark.parametrize("text", ["", "[]", "global: 5", "global: {external_labels: [1]}", "a: [", "x: 2026-13-45"])
def test_a_configuration_that_says_nothing_adds_nothing(text):
    assert external_labels(text) == {}


def test_a_past_without_series_is_said():
    with FakePrometheus({}).running() as url, pytest.raises(BadInput, match="no series"):
        made(asking(url), (EVERYTHING,), BEGIN, BEGIN + HOUR)


def test_two_selectors_of_the_same_series_bring_it_once():
    with FakePrometheus(series(count=2)).running() as url:
        both = readings([Selector.read("requests_total"), Selector.read('{job="api"}')], {}, 15)
        columns = samples_of(Fetching(asking(url)), both, {}, BEGIN, BEGIN + 60)
    assert columns.finished(BEGIN, BEGIN + 60, 15, []).samples == 2 * 4


FIRING = st.lists(st.booleans(), min_size=24, max_size=24)


@settings(max_examples=40, deadline=None)
@given(firing=FIRING, cuts=st.sets(st.integers(1, 23)))
def test_alerts_turn_the_same_however_time_is_cut(firing, cuts):
    """ALERTS_FOR_STATE changes within one stretch of firing in the middle: that is another episode."""
    labels = (("alertname", "A"), ("service", "api"))
    on = [BEGIN + 60 * n for n, is_on in enumerate(firing) if is_on]
    fake = FakePrometheus({
        (("__name__", "ALERTS"), ("alertstate", "firing"), *labels): dict.fromkeys(on, 1.0),
        (("__name__", "ALERTS_FOR_STATE"), *labels): {at: float(BEGIN + (at >= BEGIN + 720)) for at in on},
    })  # fmt: skip
    with fake.running() as url:
        borders = [0, *sorted(cuts), 23]
        fetching = Fetching(asking(url))
        whole = turns(fetching, {}, BEGIN, BEGIN + 23 * 60, 60, is_first=True)
        found = [
            turn
            for a, b in itertools.pairwise(borders)
            for turn in turns(fetching, {}, BEGIN + a * 60, BEGIN + b * 60, 60, is_first=a == 0)
        ]
    assert [(t.at_ms, t.firing) for t in found] == [(t.at_ms, t.firing) for t in whole]
    assert sum(t.firing for t in whole) - sum(not t.firing for t in whole) == int(firing[-1])
    assert all(a.firing != b.firing for a, b in itertools.pairwise(whole))


def test_a_folder_without_history(tmp_path):
    with pytest.raises(NotFound, match="no history"):
        list(records(Path(tmp_path)))
