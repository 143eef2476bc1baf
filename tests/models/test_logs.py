"""The log detector: new grave lines and bursts are told; waves, rare errors and harmless deploys are not."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.models.simulated import START_NS, WINDOW_NS

from mainstay.domain.protocols import Transition
from mainstay.domain.signals import LogBatch, Normal, TemplateWindow
from mainstay.models.logs.sequences import Pair, Sequences
from mainstay.models.logs.templates import TemplateWatch
from mainstay.models.logs.voice import ERROR, WARN, LogParameters

INFO = 9
USUAL = ((30.0, INFO), (8.0, INFO), (0.3, WARN), (0.05, ERROR), (0.5, ERROR), (2.0, WARN))


def window(
    w: int, entity: str, template: int, severity: int, count: int, text: str = "order <*> placed"
) -> TemplateWindow:
    until = START_NS + (w + 1) * WINDOW_NS
    return TemplateWindow(
        entity, template, text, severity, until - WINDOW_NS, until, count, is_new=False, example="for instance"
    )


def normal(w: int, windows: list[TemplateWindow]) -> Normal:
    return Normal(templates=tuple(windows), at_ns=START_NS + (w + 1) * WINDOW_NS + 10**8)


def everyday(rng: np.random.Generator, w: int, entities: int = 10) -> list[TemplateWindow]:
    wave, seen = 1 + 0.25 * np.sin(w / 24), []
    for e in range(entities):
        for template, (rate, severity) in enumerate(USUAL):
            count = int(rng.poisson(rate * wave))
            if count:
                seen.append(window(w, f"service:lab/s{e}", template, severity, count))
    return seen


def run(extra, windows: int = 120, seed: int = 1) -> list[tuple[int, Transition]]:
    """Everyday talk of ten services and what `extra(w)` adds."""
    rng, detector, found = np.random.default_rng(seed), TemplateWatch({}), []
    for w in range(windows):
        found += [(w, t) for t in detector.score(normal(w, everyday(rng, w) + extra(w))).transitions]
    return found


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_half_an_hour_of_everyday_talk_is_silent(seed):
    assert run(lambda _: [], windows=360, seed=seed) == []


def test_a_new_error_line_is_told_in_two_windows_and_ends():
    found = run(lambda w: [window(w, "service:lab/s5", 99, ERROR, 5, "database is locked <*>")] if 40 <= w < 60 else [])
    (first, start), (last, end) = found
    assert first == 41
    assert (start.signal, start.channel, start.severity) == ("logs", "new-template", "major")
    assert start.subject == "log:service:lab/s5#99"
    assert start.since_ns == START_NS + 40 * WINDOW_NS
    assert start.summary == "new in s5, since 00:03:20: database is locked <*>"
    assert start.labels["example"] == "for instance"
    assert not end.firing
    assert last <= 67


def test_a_burst_of_a_known_error_is_told():
    found = run(lambda w: [window(w, "service:lab/s3", 4, ERROR, 10)] if 80 <= w < 90 else [])
    assert next((t.channel, t.firing) for _, t in found) == ("rate", True)
    assert found[0][0] <= 82
    assert "expected" in found[0][1].summary


@pytest.mark.parametrize(
    ("severity", "count", "why"),
    [(INFO, 40, "a deploy that logs differently"), (ERROR, 1, "one stray error"), (WARN, 4, "a grumble")],
)
def test_a_new_line_that_is_no_trouble_is_not_told(severity, count, why):
    every = 1 if severity == INFO else 8
    found = run(lambda w: [window(w, "service:lab/s5", 99, severity, count)] if w >= 60 and w % every == 0 else [])
    assert found == [], why


def test_traffic_that_doubles_raises_every_line_and_is_not_told():
    rng, detector, found = np.random.default_rng(2), TemplateWatch({}), []
    for w in range(160):
        seen = everyday(rng, w)
        if w >= 100:
            seen = [window(w, s.entity, s.template, s.severity, 2 * s.count) for s in seen]
        found += detector.score(normal(w, seen)).transitions
    assert found == []


def test_what_was_there_from_the_start_is_not_new():
    assert run(lambda w: [window(w, "service:lab/s5", 99, ERROR, 5)], windows=60) == []


def test_an_unknown_severity_is_read_from_the_words():
    found = run(
        lambda w: [window(w, "host:lab/h", 7, 0, 6, "mount failed: no space left")] if w >= 40 else [], windows=50
    )
    assert [t.channel for _, t in found] == ["new-template"]


def test_silence_ends_it_by_the_records_clock():
    detector, rng = TemplateWatch({}), np.random.default_rng(1)
    for w in range(40):
        detector.score(normal(w, everyday(rng, w, 2)))
    for w in range(40, 44):
        detector.score(normal(w, [*everyday(rng, w, 2), window(w, "service:lab/s1", 99, ERROR, 9)]))
    assert [channel for _, channel in detector.firing()] == ["new-template"]
    found = [t for w in range(44, 60) for t in detector.score(normal(w, [])).transitions]
    assert [t.firing for t in found] == [False]


def test_hours_of_it_become_normal():
    parameters, rng, found = {"adopt_s": 300.0}, np.random.default_rng(1), []
    detector = TemplateWatch(parameters)
    for w in range(260):
        extra = [window(w, "service:lab/s1", 99, ERROR, 9)] if w >= 40 else []
        found += detector.score(normal(w, [*everyday(rng, w, 2), *extra])).transitions
    assert [t.output["event"] for t in found] == ["started", "adopted"]


def test_cuts_and_restarts_change_nothing_and_decisions_repeat():
    rng, whole, parts, found_whole, found_parts = np.random.default_rng(1), TemplateWatch({}), TemplateWatch({}), [], []
    for w in range(90):
        seen = everyday(rng, w, 3) + ([window(w, "service:lab/s1", 99, ERROR, 9)] if 40 <= w < 50 else [])
        found_whole += whole.score(normal(w, seen)).transitions
        for one in seen:
            found_parts += parts.score(normal(w, [one])).transitions
        if w % 11 == 0:
            again = TemplateWatch({})
            again.restore(parts.snapshot())
            parts = again
    assert found_whole == found_parts
    assert len(found_whole) == 2
    assert whole.snapshot() == parts.snapshot()
    for transition in found_whole:
        inputs = json.loads(json.dumps(transition.inputs, sort_keys=True))
        assert TemplateWatch({}).decide(inputs) == transition.output


def test_a_line_not_heard_for_a_week_is_forgotten():
    detector = TemplateWatch({})
    detector.score(normal(0, [window(0, "service:lab/s1", 99, INFO, 1)]))
    for w in range(0, 124_000, 100):
        detector.score(normal(w, [window(w, "service:lab/s1", 1, INFO, 1)]))
    assert list(detector._voices) == [("service:lab/s1", 1)]


STEADY = {"steady": 60}


def steady(w: int, *, says: bool = True, talks: bool = True) -> list[TemplateWindow]:
    """A heartbeat (template 70) beside busy talk (template 71) of one service."""
    seen = [window(w, "service:lab/s1", 70, INFO, 2 + w % 2, "heartbeat <*>")] if says else []
    return seen + ([window(w, "service:lab/s1", 71, INFO, 20)] if talks else [])


def test_a_steady_line_that_stops_while_its_entity_talks_is_an_info_and_ends_when_said_again():
    detector, found = TemplateWatch(STEADY), []
    for w in range(140):
        found += [(w, t) for t in detector.score(normal(w, steady(w, says=not 100 <= w < 130))).transitions]
    (told, start), (_, end) = found
    assert 110 <= told <= 125
    assert (start.channel, start.severity, start.name) == ("absent", "info", "log line no longer said")
    assert "no longer says it" in start.summary
    assert not end.firing
    assert "said again" in end.summary
    for transition in (start, end):
        assert TemplateWatch(STEADY).decide(json.loads(json.dumps(transition.inputs))) == transition.output


def test_silence_of_the_whole_entity_or_of_a_line_not_heard_for_long_is_no_absence():
    silent, young = TemplateWatch(STEADY), TemplateWatch({})
    found = []
    for w in range(160):
        found += silent.score(normal(w, [*steady(w, says=w < 100, talks=w < 100)])).transitions
        found += young.score(normal(w, steady(w, says=w < 100))).transitions
    assert found == []


@pytest.mark.parametrize("seed", [5, 6, 7, 8])
def test_an_hour_of_everyday_talk_misses_nothing(seed):
    rng, detector, found = np.random.default_rng(seed), TemplateWatch(STEADY), []
    for w in range(720):
        found += detector.score(normal(w, everyday(rng, w, 5))).transitions
    assert [t for t in found if t.channel in ("absent", "sequence")] == []


def traces(rng: np.random.Generator, w: int, odd: int = 0) -> Normal:
    """Twenty traces of four lines, a tenth of them with a retry; `odd` of them jump from the first to the last line."""
    lines = []
    for n in range(20):
        steps = [1, 2, 3, 4] if rng.random() > 0.1 else [1, 2, 2, 3, 4]
        steps = [1, 4] if n < odd else steps
        lines += [(step, f"{w}-{n}".encode()) for step in steps]
    at_ns = START_NS + w * WINDOW_NS + 10**9
    size = len(lines)
    batch = LogBatch(
        ("service:lab/s1",) * size, np.full(size, at_ns), np.full(size, INFO, np.uint8),
        np.array([step for step, _ in lines], np.uint32), ("x",) * size, tuple(trace for _, trace in lines),
    )  # fmt: skip
    return Normal(logs=batch, at_ns=at_ns)


def follow(odd, windows: int, seed: int = 1) -> list[tuple[int, Transition]]:
    rng, detector, found = np.random.default_rng(seed), TemplateWatch({}), []
    for w in range(windows):
        found += [(w, t) for t in detector.score(traces(rng, w, odd(w))).transitions]
        found += [
            (w, t) for t in detector.score(normal(w, [window(w, "service:lab/s1", 4, INFO, 20, "done")])).transitions
        ]
    return found


def test_known_lines_in_an_order_that_was_rare_are_told_as_info():
    found = follow(lambda w: 4 if 100 <= w < 110 else 0, 130)
    (first, start), (last, end) = found
    assert 101 <= first <= 103
    assert (start.channel, start.severity, start.subject) == ("sequence", "info", "log:service:lab/s1#1>4")
    assert start.labels["text"] == "done"
    assert not end.firing
    assert last <= 120
    for _, transition in found:
        inputs = json.loads(json.dumps(transition.inputs))
        assert TemplateWatch({}).decide(inputs) == transition.output


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_half_an_hour_of_everyday_traces_is_silent(seed):
    assert follow(lambda w: int(w % 50 == 7), 360, seed) == []


def test_a_new_line_in_a_trace_is_no_other_order():
    rng, detector, found = np.random.default_rng(1), TemplateWatch({}), []
    for w in range(120):
        seen = traces(rng, w)
        if w >= 100:
            seen.logs.template[seen.logs.template == 2] = 9
        found += detector.score(seen).transitions
    assert found == []


def test_sequences_survive_a_restart_and_a_merge():
    rng, whole, parts = np.random.default_rng(1), TemplateWatch({}), TemplateWatch({})
    found_whole, found_parts = [], []
    for w in range(115):
        seen = traces(rng, w, 4 if w >= 100 else 0)
        found_whole += whole.score(seen).transitions
        found_parts += parts.score(seen).transitions
        if w % 7 == 0:
            again = TemplateWatch({})
            again.restore(parts.snapshot())
            parts = again
    assert found_whole == found_parts
    assert len(found_whole) == 1
    whole.score(Normal(at_ns=START_NS + 116 * WINDOW_NS, merged_templates=((3, 2),)))
    assert whole.snapshot() != parts.snapshot()


def spoken(w: int, lines: list[tuple[str, int, str]]) -> tuple[LogBatch, int]:
    """Lines (entity, template, trace) of one window, for `Sequences`."""
    size, at_ns = len(lines), START_NS + w * WINDOW_NS
    entities, templates, traces = zip(*lines, strict=True)
    batch = LogBatch(
        entities, np.full(size, at_ns), np.full(size, INFO, np.uint8), np.array(templates, np.uint32),
        ("x",) * size, tuple(trace.encode() for trace in traces),
    )  # fmt: skip
    return batch, at_ns


def follow_steps(sequences: Sequences, w: int, steps: list[tuple[int, int]], entity: str = "service:lab/s1") -> None:
    lines = [(entity, line, f"{w}-{n}") for n, step in enumerate(steps) for line in step]
    assert list(sequences.take(*spoken(w, lines))) == []


def test_steps_and_lines_are_bounded_and_the_newest_stay(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mainstay.models.logs.sequences.MAX_PAIRS", 10)
    monkeypatch.setattr("mainstay.models.logs.sequences.MAX_TRACES", 6)
    sequences = Sequences(LogParameters())
    for w in range(40):
        follow_steps(sequences, w, [(1, 2), (2 * w + 100, 2 * w + 101)], f"service:lab/pod{w // 2}")
        kept = sequences.state()
        assert max(map(len, (kept.pairs, kept.totals, kept.seen, kept.open))) <= 10
        assert len(kept.last) <= 6
        assert {(p.entity, p.before) for p in kept.pairs} <= {(e, line) for e, line, _ in kept.totals}
        assert {(p.entity, p.after) for p in kept.pairs} <= {(e, line) for e, line, _ in kept.seen}
    assert kept.totals[-1][:2] == ("service:lab/pod19", 176)


def test_steps_of_one_window_are_bounded_however_it_is_cut(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mainstay.models.logs.sequences.MAX_PAIRS", 5)
    monkeypatch.setattr("mainstay.models.logs.sequences.MAX_TRACES", 3)
    whole, parts = Sequences(LogParameters()), Sequences(LogParameters())
    lines = [("service:lab/s1", k, f"{trace}") for trace in (0, 1, 2, 3, 0) for k in (trace, trace + 10, trace + 20)]
    list(whole.take(*spoken(0, lines)))
    for line in lines:
        list(parts.take(*spoken(0, [line])))
    assert whole.state() == parts.state()
    assert len(whole.state().open) == 5


def test_a_step_that_fires_is_kept_until_it_ends(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mainstay.models.logs.sequences.MAX_PAIRS", 2)
    sequences = Sequences(LogParameters())
    kept = sequences.state()
    kept.pairs = [Pair(entity="service:lab/s1", before=1, after=2, firing=True, loud_ns=START_NS, since_ns=START_NS)]
    sequences.load(kept)
    for w in range(4):
        follow_steps(sequences, w, [(10 * w + 3, 10 * w + 4), (10 * w + 5, 10 * w + 6), (10 * w + 7, 10 * w + 8)])
        assert [subject for subject, _ in sequences.firing()] == ["log:service:lab/s1#1>2"]
        assert len(sequences.state().pairs) <= 2
    ends = [output for w in range(4, 9) for _, _, output in sequences.take(None, START_NS + w * WINDOW_NS)]
    assert [(output["event"], output["firing"]) for output in ends] == [("calm", False)]


def test_templates_that_became_others_in_a_row_are_counted_as_the_last():
    steps = [(1, 2), (2, 3), (5, 6), (5, 6), (4, 6)]
    at_once, one_by_one = Sequences(LogParameters()), Sequences(LogParameters())
    merged = ((1, 2), (2, 9), (6, 7), (7, 8), (9, 10))
    for sequences in (at_once, one_by_one):
        follow_steps(sequences, 0, steps)
        follow_steps(sequences, 1, steps)
    before = {(p.entity, p.before, p.after) for p in at_once.state().pairs}
    at_once.renamed(merged)
    for one in merged:
        one_by_one.renamed((one,))
    assert [sorted(column) for column in (at_once.state().totals, at_once.state().seen, at_once.state().open)] == [
        sorted(column) for column in (one_by_one.state().totals, one_by_one.state().seen, one_by_one.state().open)
    ]
    assert {line: n for _, line, n in at_once.state().totals} == {10: 2.0, 5: 2.0, 4: 1.0}
    assert {line: n for _, line, n in at_once.state().seen} == {10: 1.0, 3: 1.0, 8: 3.0}
    assert {template for _, _, template in at_once.state().last} == {10, 3, 8}
    assert len(before) == 4
    assert at_once.state().pairs == []


def test_what_is_not_named_is_left_alone():
    sequences = Sequences(LogParameters())
    follow_steps(sequences, 0, [(1, 2), (3, 4)])
    follow_steps(sequences, 1, [(1, 2), (3, 4)])
    before = sequences.state()
    sequences.renamed(((77, 78), (8, 8)))
    assert sequences.state() == before
    sequences.renamed(((4, 5),))
    assert [(pair.before, pair.after) for pair in sequences.state().pairs] == [(1, 2)]


def test_a_template_that_became_part_of_another_is_not_new_under_its_id():
    detector, rng, found = TemplateWatch({}), np.random.default_rng(1), []
    for w in range(80):
        number = 98 if w < 50 else 99
        merged = ((98, 99),) if w == 50 else ()
        seen = [*everyday(rng, w, 3), window(w, "service:lab/s1", number, ERROR, 5, "cannot reach <*>")]
        one = Normal(templates=tuple(seen), at_ns=normal(w, []).at_ns, merged_templates=merged)
        found += detector.score(one).transitions
    assert found == []
