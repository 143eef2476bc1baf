"""The short way past the judgement: taken only where the long one finds nothing and changes nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.models.anomaly import kernel
from mainstay.models.anomaly.learning import SHARES, shares
from mainstay.models.anomaly.rules import table
from mainstay.models.anomaly.shipped import shipped
from mainstay.models.anomaly.state import SEASONAL, new_rows

RULES = table(shipped().rules)
BETWEEN_NS = 10 * 10**9  # no band is due: 10 s of every 32
LEVELS = st.floats(-1e6, 1e6, width=32)
SPREADS = st.floats(0, 1e5, width=32)


@st.composite
def rows(draw):
    """A row that has seen enough to be judged, and is neither suspected nor fires."""
    row = new_rows(1)
    for name in ("level", "fast", "slow"):
        row[name] = draw(LEVELS)
    for name in ("scale", "slow_scale", "limit"):
        row[name] = draw(SPREADS)
    row["tail_rate"], row["tail_mean"] = draw(st.floats(1e-3, 0.2)), draw(st.floats(0.5, 10))
    row["count"], row["bits"] = draw(st.integers(12, 65_000)), draw(st.integers(0, 65_535))
    row["ways"] = draw(st.integers(1, 3)) | draw(st.sampled_from([0, SEASONAL]))
    row["strong"], row["unit"] = draw(st.integers(0, 4)), draw(st.floats(0, 1e3, width=32))
    row["season"] = draw(st.integers(-128, 127))
    return row


@settings(deadline=None, max_examples=400)
@given(rows(), st.integers(1, len(RULES) - 1), st.floats(-4, 4), st.floats(-1e3, 1e3), st.sampled_from([1.0, 2.0]))
def test_a_calm_sample_is_one_of_which_nothing_is_told(row, which, deviations, added, wide):
    rule, s = RULES[which], row[0]
    m = float(s["level"]) + added
    x = m + deviations * float(s["scale"])
    view = m, added, max(rule["rel"] * abs(m), rule["abs"]), wide
    if rule["is_limit"] or not calm(row, RULES, which, x, view):
        return
    before, told = row.copy(), np.full(1, np.nan, kernel.TOLD)
    assert kernel._look(row[0], rule, (BETWEEN_NS, x), view, told[0]) == 0
    assert np.isnan(told["high"][0])
    before["bits"] = (int(before["bits"][0]) << 1) & 0xFFFF
    before["strong"] = 0 if before["strong"][0] <= 3 else before["strong"]
    assert row.tobytes() == before.tobytes()


def calm(row, rules, which, x, view) -> bool:
    return bool(kernel._is_calm(row[0], rules[which], x, view))


@pytest.mark.parametrize("name", ["run", "firing"])
def test_what_is_suspected_or_fires_is_never_calm(name):
    row = new_rows(1)
    row["scale"] = 1.0
    view = 0.0, 0.0, 1.0, 1.0
    assert calm(row, RULES, 1, 0.0, view)
    row[name] = 1
    assert not calm(row, RULES, 1, 0.0, view)


@given(st.lists(st.tuples(st.integers(1, len(RULES) - 1), st.integers(1, 10**15)), max_size=40))
@settings(deadline=None)
def test_shares_are_the_same_whether_they_were_kept_or_not(asked):
    memo = np.zeros(SHARES, kernel._SHARES)
    for which, dt_ns in asked:
        rule = RULES[which]
        if rule["is_limit"] or rule["tau_s"] == 0:
            continue
        fresh = np.zeros(1, kernel._SHARES)
        kept = shares(memo[which % SHARES], which, rule, dt_ns)
        assert tuple(kept) == tuple(shares(fresh[0], which, rule, dt_ns))
        assert 0.0 < kept[0] <= 0.05
        assert 0.0 < kept[1] <= 1.0
