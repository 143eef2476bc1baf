"""How much an entity says in all: two-sided, by gravity; everyday talk and what a template tells already are silent."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.models.simulated import START_NS
from tests.models.test_logs import INFO, everyday, normal, window

from mainstay.domain.protocols import Transition
from mainstay.domain.signals import TemplateWindow
from mainstay.models.logs.templates import TemplateWatch
from mainstay.models.logs.voice import ERROR, WARN

SHOP = "service:lab/s5"


def run(
    change, windows: int = 420, seed: int = 1, detector: TemplateWatch | None = None
) -> list[tuple[int, Transition]]:
    """Everyday talk of six services, as `change(w, lines)` makes it."""
    rng, detector, found = np.random.default_rng(seed), detector or TemplateWatch({}), []
    for w in range(windows):
        found += [(w, t) for t in detector.score(normal(w, change(w, everyday(rng, w, 6)))).transitions]
    return found


def of_volume(found: list[tuple[int, Transition]]) -> list[tuple[int, Transition]]:
    return [(w, t) for w, t in found if t.channel.startswith("volume")]


def many_errors(w: int, lines: list[TemplateWindow], each: int = 1, count: int = 12) -> list[TemplateWindow]:
    """From window 100 to 119 many different errors, each said once or a few times: no single line stands out."""
    if not 100 <= w < 120:
        return lines
    return lines + [window(w, SHOP, 1000 + w * 100 + i, ERROR, each, f"error of kind {w}-{i}") for i in range(count)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_everyday_talk_is_in_its_range(seed):
    assert run(lambda _, lines: lines, windows=720, seed=seed) == []


def test_many_different_errors_are_told_although_no_line_is():
    found = run(many_errors, windows=160)
    (first, start), (last, end) = found
    assert 100 <= first <= 103
    assert (start.channel, start.severity, start.subject) == ("volume-high", "minor", f"log:{SHOP}#errors")
    assert start.band is not None
    assert start.band.value > start.band.high
    assert start.since_ns >= START_NS + 97 * 5 * 10**9
    assert "errors in 15 s, expected" in start.summary
    assert (end.firing, end.channel) == (False, "volume-high")
    assert last >= 120


def test_warnings_weigh_less_than_errors_and_lines_least():
    def warnings(w, lines):
        return lines + [window(w, SHOP, 5000 + w * 50 + i, WARN, 1) for i in range(40 * (100 <= w < 120))]

    def talk(w, lines):
        return lines + [window(w, SHOP, 9000 + w * 500 + i, INFO, 1) for i in range(400 * (100 <= w < 120))]

    assert [t.severity for _, t in of_volume(run(warnings, windows=110))] == ["minor"]
    assert [t.severity for _, t in of_volume(run(talk, windows=110))] == ["info"]


def test_a_line_that_is_told_already_is_not_told_again_as_a_count():
    def burst(w, lines):
        return lines + ([window(w, SHOP, 77, ERROR, 60, "database is locked")] if 100 <= w < 120 else [])

    assert [t.channel for _, t in run(burst, windows=110)] == ["new-template"]


def test_an_entity_that_says_a_quarter_of_its_lines_is_noted():
    def quiet(w, lines):
        kept = [one for one in lines if one.entity != SHOP or one.severity >= WARN or w < 400]
        return [*kept, window(w, SHOP, 0, INFO, 5)] if w >= 400 else kept

    found = of_volume(run(quiet, windows=415))
    assert [(t.channel, t.severity, t.subject) for _, t in found] == [("volume-low", "info", f"log:{SHOP}#lines")]
    assert "fewer lines" in found[0][1].name


def test_an_entity_that_falls_silent_is_the_subject_of_others():
    def gone(w, lines):
        return [one for one in lines if one.entity != SHOP or w < 400]

    assert not of_volume(run(gone, windows=420))


def test_fewer_errors_are_good_news():
    def errors_end(w, lines):
        return [*lines, window(w, SHOP, 7, ERROR, 20)] if w < 600 else lines

    assert not [t for w, t in of_volume(run(errors_end, windows=700)) if w >= 400]


def test_a_decision_is_repeated_from_its_inputs():
    for _, told in of_volume(run(many_errors, windows=160)):
        assert TemplateWatch({}).decide(json.loads(json.dumps(told.inputs))) == told.output


def test_a_restart_changes_nothing():
    rng = np.random.default_rng(4)
    normals = [normal(w, many_errors(w, everyday(rng, w, 6))) for w in range(140)]
    whole, part = TemplateWatch({}), TemplateWatch({})
    said = [t for n in normals for t in whole.score(n).transitions]
    again = [t for n in normals[:105] for t in part.score(n).transitions]
    other = TemplateWatch({})
    other.restore(part.snapshot())
    assert again + [t for n in normals[105:] for t in other.score(n).transitions] == said
    assert other.snapshot() == whole.snapshot()
    assert said
