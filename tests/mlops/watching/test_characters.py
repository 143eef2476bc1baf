"""What moved, what climbs, what cannot be judged; and which sources are watched at all."""

import numpy as np
import pytest

from mainstay.mlops.watching.breadth import breadth, is_demand_up
from mainstay.mlops.watching.characters import RING, Characters, Judged, Source, _effective

SPAN_MS = RING * 1000


def fed(*parts, seed=0):
    """One source; each part is a list of values, one a second."""
    characters = Characters(4, SPAN_MS)
    row = characters.offer(Source("a", "service:prod/a", "cpu", 1))
    for second, value in enumerate(np.concatenate(parts)):
        characters.add(row, second * 1000, float(value))
    return characters


def noise(n, mean, seed=0):
    return np.random.default_rng(seed).normal(mean, 1, n)


def status(*parts):
    return [one.status for one in fed(*parts).judged()]


def test_before_its_first_span_is_whole_nothing_is_said():
    assert status(noise(RING - 1, 10)) == []


def test_it_is_the_same():
    assert status(noise(RING, 10), noise(RING, 10, seed=1)) == ["same"]


def test_it_moved_and_arrived():
    found = fed(noise(RING, 10), noise(RING, 14, seed=1)).judged()[0]
    assert found.status == "moved"
    assert (round(found.before), round(found.now)) == (10, 14)
    assert found.low < 14 < found.high


def test_what_is_half_way_has_not_arrived():
    assert status(noise(RING, 10), noise(RING // 2, 10, 1), noise(RING // 2, 16, 2))[0] in {"climbing", "too_few"}


def test_what_climbs_never_counts_as_moved():
    ramp = noise(2 * RING, 10, 1) + np.linspace(0, 30, 2 * RING)
    assert status(noise(RING, 10), ramp)[0] in {"climbing", "too_few"}


def test_a_wanderer_holds_too_few_independent_values_to_be_judged():
    walk = np.cumsum(np.random.default_rng(3).normal(0, 1, 3 * RING))
    assert status(walk) == ["too_few"]


@pytest.mark.parametrize("seed", range(30))
def test_of_equals_hardly_any_moves(seed):
    assert status(noise(RING, 10, seed), noise(RING, 10, seed + 1000)) == ["same"]


def test_independent_values_are_worth_all_of_themselves():
    assert _effective(noise(1000, 0)) > 850
    assert _effective(np.cumsum(noise(1000, 0))) < 10


def test_a_batch_says_the_same_as_its_samples_one_by_one():
    one, other = Characters(3, SPAN_MS), Characters(3, SPAN_MS)
    for characters in (one, other):
        for name in "abc":
            characters.offer(Source(name, name, "cpu", ord(name)))
    lots = np.random.default_rng(5)
    for second in range(2 * RING):
        rows, at_ms = np.arange(3), np.full(3, second * 1000)
        values = lots.normal(size=3)
        one.add_all(rows, at_ms, values)
        for row in range(3):
            other.add(row, second * 1000, float(values[row]))
    assert one.saved() == other.saved()


def test_the_sample_is_those_with_the_smallest_lots():
    characters = Characters(3, SPAN_MS)
    for rank in (5, 9, 1, 7, 3, 8):
        characters.offer(Source(str(rank), "e", "m", rank))
    assert {source.rank for source in characters.sources} == {1, 3, 5}


def demand(status, before, now):
    return Judged(Source("d", "service:prod/front", "calls.rate", 1, is_demand=True), status, 1, 1, before, now)


def test_demand_that_falls_may_be_our_own_fault():
    assert is_demand_up([demand("moved", 10, 20)])
    assert not is_demand_up([demand("moved", 20, 10)])
    assert not is_demand_up([demand("moved", 10, 20), demand("same", 1, 1), demand("same", 1, 1)])
    assert not is_demand_up([])


def test_an_entity_that_nobody_knows_is_part_of_everything_and_of_no_service():
    moved = [Judged(Source(str(n), "host:x/h", "cpu", n), "moved", 1, 1, 1, 2) for n in range(9)]
    assert breadth(moved, {}, ()) == []  # one entity is not broad, and it is no service
