"""A cold series borrows from its nearest peer, says so, and takes over its own."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from tests.models.simulated import SAMPLE_NS, START_NS

from mainstay.domain.protocols import Transition
from mainstay.domain.signals import MetricBatch, Normal, Series
from mainstay.models.anomaly.metrics import RobustSeason
from mainstay.models.anomaly.peers import OWN
from mainstay.models.anomaly.state import BORROWED, SEASONAL

LATENCY = "service.latency.p95"
PAST = 600


def service(slot: int, name: str = "", metric: str = LATENCY, kind: str = "service", labels=(), **more) -> Series:
    entity = f"{kind}:shop/{name or f's{slot}'}"
    return Series(slot, 100 + slot, entity, metric, labels, more.get("unit", "ms"), more.get("direction", "up"))


def feed(detector: RobustSeason, slot: int, values, begin: int = 0) -> list[Transition]:
    at = START_NS + (begin + np.arange(len(values))) * SAMPLE_NS
    batch = MetricBatch(np.full(len(values), slot, np.uint32), at, np.asarray(values, float))
    return list(detector.score(Normal(metrics=batch)).transitions)


def noise(n: int, level: float, seed: int = 0) -> np.ndarray:
    return level * np.exp(np.random.default_rng(seed).normal(0, 0.2, n))


def grown_up(levels=(60.0, 80.0, 100.0), **more) -> RobustSeason:
    """A detector that has known some services for twenty minutes."""
    detector = RobustSeason({})
    detector.score(Normal(new_series=tuple(service(i, **more) for i in range(len(levels)))))
    for i, level in enumerate(levels):
        assert feed(detector, i, noise(PAST, level, i)) == []
    return detector


def cold(detector: RobustSeason, values, slot: int = 9, **more) -> list[Transition]:
    detector.score(Normal(new_series=(service(slot, **more),)))
    return feed(detector, slot, values, PAST)


def test_a_service_that_is_born_broken_is_told_and_says_whose_past_it_was_judged_by():
    told = cold(grown_up(), noise(60, 2000.0))
    assert told
    assert told[0].firing
    assert told[0].labels["borrowed_from"] == "service:shop/s1"
    assert told[0].output["borrowed_from"] == "service:shop/s1"
    assert "(borrowed from s1: too young for its own)" in told[0].summary


def test_without_peers_it_would_have_been_learned_as_normal():
    assert cold(RobustSeason({}), noise(60, 2000.0)) == []


@pytest.mark.parametrize("level", [20.0, 60.0, 100.0, 130.0])
def test_what_its_peers_make_plausible_is_its_own_level(level):
    assert cold(grown_up(), noise(600, level, 5)) == []


def test_two_peers_say_nothing_about_the_level():
    detector = grown_up((60.0, 80.0))
    assert cold(detector, noise(200, 500.0)) == []
    assert detector._rows["ways"][9] & BORROWED


def test_after_its_own_history_nothing_is_borrowed_any_more():
    detector = grown_up()
    cold(detector, noise(OWN + 60, 90.0, 4))
    assert detector._rows["ways"][9] & BORROWED == 0
    told = feed(detector, 9, noise(40, 2000.0), PAST + OWN + 60)
    assert told
    assert told[0].output["borrowed_from"] == ""
    assert "borrowed_from" not in told[0].labels


def test_a_metric_of_another_name_or_a_thing_of_another_kind_lends_nothing():
    for more in ({"metric": "other.latency.p95"}, {"kind": "host"}, {"unit": "s"}):
        detector = grown_up()
        cold(detector, [], **more)
        assert detector._rows["ways"][9] & BORROWED == 0


def test_the_nearest_is_the_same_entity_then_the_same_labels_then_the_namespace():
    detector = RobustSeason({})
    labels = (("route", "/pay"),)
    known = [
        Series(0, 1, "service:other/a", LATENCY, (), "ms", "up"),
        Series(1, 2, "service:shop/a", LATENCY, (), "ms", "up"),
        Series(2, 3, "service:other/b", LATENCY, labels, "ms", "up"),
        Series(3, 4, "service:shop/c", LATENCY, (("pid", "1"),), "ms", "up"),
    ]
    detector.score(Normal(new_series=tuple(known)))
    for one in known:
        feed(detector, one.slot, noise(PAST, 60.0, one.slot))
    new = [
        Series(4, 5, "service:shop/c", LATENCY, (("pid", "2"),), "ms", "up"),
        Series(5, 6, "service:shop/d", LATENCY, labels, "ms", "up"),
        Series(6, 7, "service:shop/e", LATENCY, (("route", "/x"),), "ms", "up"),
    ]
    detector.score(Normal(new_series=tuple(new)))
    lent = [detector._peers.lent[slot] for slot in (4, 5)]
    assert lent == ["service:shop/c", "service:other/b"]
    assert detector._peers.lent[6] in ("service:shop/a", "service:shop/c")


def test_who_is_young_or_borrows_itself_lends_nothing():
    detector = RobustSeason({})
    detector.score(Normal(new_series=(service(0),)))
    feed(detector, 0, noise(50, 60.0))
    cold(detector, noise(50, 60.0))
    assert detector._peers.lent == {}
    detector = grown_up()
    cold(detector, noise(50, 60.0))
    detector.score(Normal(new_series=(service(10),)))
    assert detector._peers.lent[10] != "service:shop/s9"


def test_a_rhythm_is_borrowed_in_the_newcomers_own_size():
    detector = RobustSeason({})
    detector.score(Normal(new_series=(service(0, metric="orders.rate", unit="", direction="both"),)))
    hours = np.arange(5 * 288) / 12
    values = (100 + 60 * np.sin(2 * np.pi * hours / 24)) * (1 + 0.02 * np.random.default_rng(1).normal(size=len(hours)))
    at = START_NS + np.arange(len(values)) * 300 * 10**9
    detector.score(Normal(metrics=MetricBatch(np.zeros(len(values), np.uint32), at, values)))
    detector.score(Normal(new_series=(service(1, metric="orders.rate", unit="", direction="both"),)))
    more = MetricBatch(np.ones(288, np.uint32), at[-1] + (1 + np.arange(288)) * 300 * 10**9, 3 * values[:288])
    assert detector.score(Normal(metrics=more)).transitions == ()
    rows = detector._rows
    assert rows["ways"][1] & SEASONAL
    assert 2.0 < float(rows["slow"][1] / rows["slow"][0]) < 4.0


def test_a_decision_on_borrowed_history_is_repeated_from_its_inputs():
    for told in cold(grown_up(), np.concatenate([noise(60, 2000.0), noise(60, 90.0)])):
        inputs = msgspec.json.decode(msgspec.json.encode(told.inputs))
        assert RobustSeason({}).decide(inputs) == told.output


def test_a_restart_borrows_nothing_anew():
    detector, values = grown_up(), noise(120, 2000.0)
    detector.score(Normal(new_series=(service(9),)))
    again = RobustSeason({})
    again.restore(detector.snapshot())
    again.score(Normal(new_series=tuple(service(i) for i in (0, 1, 2, 9))))  # the normaliser names them all again
    assert feed(again, 9, values, PAST) == feed(detector, 9, values, PAST)
    assert again._rows.tobytes() == detector._rows.tobytes()


def test_one_by_one_and_in_one_batch_agree_bit_for_bit():
    whole, pieces, values = grown_up(), grown_up(), noise(90, 2000.0)
    cold(whole, values)
    cold(pieces, values[:1])
    for i, value in enumerate(values[1:], 1):
        feed(pieces, 9, [value], PAST + i)
    assert pieces._rows.tobytes() == whole._rows.tobytes()
