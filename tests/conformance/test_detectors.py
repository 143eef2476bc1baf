"""Every detector of the catalogue, each with every check: a new one is tested without writing a test."""

from __future__ import annotations

import json
import tracemalloc

import msgspec
import numpy as np
import pytest
from tests.conformance.material import STREAMS, cut, strange

from mainstay.domain.errors import Corrupt
from mainstay.domain.protocols import Detector
from mainstay.models.catalogue import DETECTORS, SHIPPED, build, defaults_of, state_of

KIND_OF = {algorithm: kind for kind, algorithm in SHIPPED.items()}
pytestmark = pytest.mark.parametrize("algorithm", sorted(DETECTORS))


def fresh(algorithm: str):
    return build(algorithm, {})


def stream(algorithm: str, *, trouble: bool):
    return STREAMS[KIND_OF[algorithm]](trouble=trouble)


def told(detector, normals):
    return [t for normal in normals for t in detector.score(normal).transitions]


def scores(detector, normals) -> bytes:
    return np.concatenate([detector.score(normal).scores for normal in normals]).tobytes()


def test_it_is_a_detector_with_a_name_a_state_format_and_defaults(algorithm):
    detector: Detector = fresh(algorithm)
    assert detector
    assert state_of(algorithm).startswith(algorithm)
    json.dumps(defaults_of(algorithm))


def test_its_defaults_are_what_it_does_without_parameters(algorithm):
    one, other = fresh(algorithm), build(algorithm, defaults_of(algorithm))
    assert told(one, stream(algorithm, trouble=True)) == told(other, stream(algorithm, trouble=True))


def test_parameters_that_it_does_not_know_are_refused(algorithm):
    with pytest.raises(msgspec.ValidationError, match="nonsense"):
        build(algorithm, {"nonsense": 1})


def test_calm_telemetry_is_silent(algorithm):
    assert told(fresh(algorithm), stream(algorithm, trouble=False)) == []


def test_trouble_is_told_and_ends(algorithm):
    turns = told(fresh(algorithm), stream(algorithm, trouble=True))
    assert any(t.firing for t in turns)
    last = {(t.subject, t.channel): t.firing for t in turns}
    assert not any(last.values())


def test_trouble_says_what_an_operator_needs(algorithm):
    for t in told(fresh(algorithm), stream(algorithm, trouble=True)):
        assert t.summary
        assert t.name
        assert t.entity
        assert t.subject.partition(":")[0] in ("metric", "edge", "log", "entity", "model")
        assert t.since_ns <= t.at_ns
        if t.firing:
            assert t.p_value is not None
            assert 0 <= t.p_value < 0.01
            assert t.band is not None
            assert t.output["effect"] > 1


def test_the_same_twice_is_the_same(algorithm):
    first, second = fresh(algorithm), fresh(algorithm)
    assert told(first, stream(algorithm, trouble=True)) == told(second, stream(algorithm, trouble=True))
    assert first.snapshot() == second.snapshot()


def test_how_records_are_cut_changes_nothing(algorithm):
    whole, parts, normals = fresh(algorithm), fresh(algorithm), list(stream(algorithm, trouble=True))
    pieces = [piece for normal in normals for piece in cut(normal)]
    assert told(whole, normals) == told(parts, pieces)
    assert scores(fresh(algorithm), normals) == scores(fresh(algorithm), pieces)


@pytest.mark.parametrize("at", [1, 30, 43, 55])
def test_a_restart_in_the_middle_changes_nothing(algorithm, at):
    normals = list(stream(algorithm, trouble=True))
    through, before, after = fresh(algorithm), fresh(algorithm), fresh(algorithm)
    expected = told(through, normals)
    found = told(before, normals[:at])
    after.restore(before.snapshot())
    assert after.snapshot() == before.snapshot()
    assert found + told(after, normals[at:]) == expected
    assert after.snapshot() == through.snapshot()


def test_its_decisions_repeat_from_json_without_its_state(algorithm):
    turns = told(fresh(algorithm), stream(algorithm, trouble=True))
    for t in turns:
        inputs = json.loads(json.dumps(t.inputs, sort_keys=True, allow_nan=False))
        assert fresh(algorithm).decide(inputs) == t.output
        assert json.loads(json.dumps(t.output, allow_nan=False)) == t.output


def test_deciding_again_leaves_the_state_alone(algorithm):
    detector = fresh(algorithm)
    turns = told(detector, stream(algorithm, trouble=True))
    before = detector.snapshot()
    for t in turns:
        detector.decide(t.inputs)
    assert detector.snapshot() == before


def test_what_fires_is_what_was_told(algorithm):
    detector, firing = fresh(algorithm), {}
    for normal in stream(algorithm, trouble=True):
        for t in detector.score(normal).transitions:
            firing[t.subject, t.channel] = t.firing
        assert set(detector.firing()) == {key for key, is_firing in firing.items() if is_firing}


def test_strange_values_and_times_do_no_harm(algorithm):
    detector = fresh(algorithm)
    for t in told(detector, strange(KIND_OF[algorithm])):
        json.dumps(t.inputs)
    again = fresh(algorithm)
    again.restore(detector.snapshot())
    assert again.snapshot() == detector.snapshot()


def test_a_record_of_another_kind_is_nothing(algorithm):
    detector = fresh(algorithm)
    for kind, other in STREAMS.items():
        if kind != KIND_OF[algorithm]:
            scored = [detector.score(normal) for normal in list(other(trouble=True))[:5]]
            assert all(not s.transitions and not s.scores.size for s in scored if kind not in ("metrics", "entities"))


def test_its_state_does_not_grow_with_time(algorithm):
    detector, normals = fresh(algorithm), list(stream(algorithm, trouble=False))
    told(detector, normals)
    size = len(detector.snapshot())
    tracemalloc.start()
    told(detector, normals)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
    assert len(detector.snapshot()) <= 1.3 * size


@pytest.mark.parametrize("state", [b"", b"\x00", b"\x93\xa4demo\x01\xc4\x01\xc0"])
def test_a_state_that_is_none_of_its_own_is_refused(algorithm, state):
    with pytest.raises(Corrupt):
        fresh(algorithm).restore(state)
