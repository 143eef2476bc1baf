"""The latencies that the bench makes are what their names say; and one of them is judged as the stage tells it."""

import numpy as np
import pytest
from tests.outlook.estate import Judges

from mainstay.bench.slower import KNOWN_H, OBJECTIVE_MS, OTHER, RISING, STEP_S, _followed, _made

KNOWN = int(KNOWN_H * 3600 / STEP_S)


@pytest.mark.parametrize("kind", [*RISING, *OTHER])
def test_what_rises_passes_late_and_the_rest_never(kind):
    draw = np.random.default_rng(8)
    for _ in range(20):
        level, heard = _made(kind, draw)
        past = np.flatnonzero(level >= OBJECTIVE_MS)
        assert len(level) == len(heard)
        assert (len(past) > 0) is (kind in RISING)
        if len(past):
            assert past[0] > KNOWN


def test_the_first_telling_is_held_against_the_moment_that_it_passes():
    at = np.arange(180)
    level = 150 + np.maximum(at - 60, 0) * 1.5  # it passes after 160 steps
    found = _followed(Judges(), level, level * np.exp(0.02 * np.random.default_rng(1).standard_normal(180)))
    assert found["before"]
    assert found["held"]
    assert 0 < found["lead_s"] < 100 * STEP_S
    calm = _followed(Judges(), level[:60], level[:60])
    assert not calm["told"]
