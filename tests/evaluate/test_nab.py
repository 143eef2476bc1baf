"""The NAB scorer on its known anchors, and the suite on recordings made here."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from mainstay.cli.evaluate import evaluate
from mainstay.domain.errors import BadInput
from mainstay.evaluate import nab
from mainstay.evaluate.windows import Recording, normalised, weighed, worth_of

ROWS = 600
START = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp()) * 10**9


def recording(number: int, windows=((400, 440),)) -> Recording:
    rng = np.random.default_rng(number)
    value = 50 + rng.normal(0, 2, ROWS)
    for first, last in windows:
        value[(first + last) // 2 - 3 : last - 10] += 60
    return Recording(f"series-{number}", START + np.arange(ROWS) * 300 * 10**9, value, windows)


def flags(at: list[int]) -> np.ndarray:
    scores = np.zeros(ROWS)
    scores[at] = 1.0
    return scores


@pytest.fixture
def folder(tmp_path):
    recordings = [recording(i) for i in range(4)]
    points = {
        "series": np.repeat([r.name for r in recordings], ROWS),
        "ts": np.concatenate([r.at_ns for r in recordings]).astype("datetime64[ns]").astype("datetime64[us]"),
        "value": np.concatenate([r.value for r in recordings]),
    }
    windows = [(r.name, r.at_ns[first], r.at_ns[last]) for r in recordings for first, last in r.windows]
    (tmp_path / "metrics" / "nab").mkdir(parents=True)
    pq.write_table(pa.table(points), tmp_path / "metrics" / "nab" / "points.parquet")
    edges = {
        "series": [w[0] for w in windows],
        "start": np.array([w[1] for w in windows]).astype("datetime64[ns]"),
        "end": np.array([w[2] for w in windows]).astype("datetime64[ns]"),
    }
    pq.write_table(pa.table(edges), tmp_path / "metrics" / "nab" / "windows.parquet")
    return tmp_path


def test_silence_is_0_and_perfection_100():
    recordings = [recording(1), recording(2, ((200, 230), (500, 540)))]
    silent = weighed(recordings, [np.zeros(ROWS)] * 2)
    assert normalised(silent.at(1.0), silent.windows) == 0.0
    perfect = weighed(recordings, [flags([400]), flags([200, 500])])
    assert normalised(perfect.best()[1], perfect.windows) == pytest.approx(100.0)
    assert normalised(perfect.at(1.0), perfect.windows) == pytest.approx(100.0)


def test_late_is_worth_less_and_false_costs():
    first, last = 400, 440
    early, late = (weighed([recording(1)], [flags([at])]).at(1.0) for at in (first + 2, last))
    assert early > late > 0.0
    # The end of the window itself: sigmoid of -1/41.
    assert late == pytest.approx((2 / (1 + np.exp(-5 / 41)) - 1) / (2 / (1 + np.exp(-5)) - 1))
    assert weighed([recording(1)], [flags([first, 100])]).at(1.0) == pytest.approx(1 - 0.11)


def test_only_the_earliest_flag_of_a_window_counts():
    one, many = (weighed([recording(1)], [flags(at)]).at(1.0) for at in ([405], [405, 420, 440]))
    assert one == many


def test_a_flag_soon_after_a_window_costs_less():
    _, worth = worth_of(ROWS, ((100, 140),))
    assert worth[99] == pytest.approx(-0.11)
    assert -0.11 < worth[142] < worth[141] < 0.0
    assert worth[141 + 3 * 40] == pytest.approx(-0.11)


def test_probation_is_not_scored():
    assert recording(1).probation == 90
    assert weighed([recording(1)], [flags([5, 89, 400])]).at(1.0) == pytest.approx(1.0)
    assert Recording("long", np.arange(9000), np.zeros(9000)).probation == 750


def test_the_curve_agrees_with_single_thresholds():
    rng = np.random.default_rng(3)
    found = weighed([recording(1), recording(2)], [rng.integers(0, 30, ROWS).astype(float) for _ in range(2)])
    thresholds, raw = found.curve()
    assert [found.at(t) for t in thresholds] == pytest.approx(raw.tolist())
    assert found.best()[1] == raw.max()


def test_the_plain_baseline_is_a_rolling_median():
    value = np.random.default_rng(1).normal(10, 1, 400)
    z = nab.rolling_z(value)
    past = value[300 - 144 : 300]
    deviation = 1.4826 * np.median(np.abs(past - np.median(past)))
    assert z[300] == pytest.approx(abs(value[300] - np.median(past)) / deviation)
    assert nab.rolling_z(np.array([1.0, 1.0, 1.0, 2.0])).tolist() == [0.0, 0.0, 0.0, 50.0]


def test_the_suite_finds_what_was_put_in(folder):
    figures = nab.run(folder, folder)
    assert (figures["series"], figures["windows"], figures["points"]) == (4, 4, 4 * ROWS)
    assert figures["nab_standard"] > 60
    assert figures["held_out"] > 60
    assert figures["event_recall"] == 1.0
    assert figures["in_sample"] is True
    assert {"plain_nab_standard", "plain_held_out", "plain_auc_pr", "plain_event_recall"} <= set(figures)
    written = pq.read_table(folder / "nab.parquet")
    assert written.column_names == ["series", "ts", "score", "flagged"]
    assert written.num_rows == 4 * ROWS


def test_without_labels_only_predictions_are_written(folder):
    (folder / "metrics" / "nab" / "windows.parquet").unlink()
    assert nab.run(folder, folder) == {"points": 4 * ROWS}
    assert (folder / "nab.parquet").exists()
    with pytest.raises(BadInput, match="no labels"):
        nab.run(folder, None)


def test_a_score_uses_nothing_after_it(folder):
    recordings, _ = nab.load(folder)
    with nab.deployed() as platform:
        whole = nab.strangeness(platform, recordings[:1])[0]
    first = recordings[0]
    with nab.deployed() as platform:
        part = nab.strangeness(platform, [Recording(first.name, first.at_ns[:450], first.value[:450])])[0]
    assert part.tobytes() == whole[:450].tobytes()


def test_missing_values_and_repeated_times_have_a_row(folder):
    value = recording(1).value.copy()
    value[300:310] = np.nan
    at = recording(1).at_ns.copy()
    at[200] = at[199]
    with nab.deployed() as platform:
        score = nab.strangeness(platform, [Recording("gaps", at, value)])[0]
    assert np.isfinite(score).all()
    assert score[[200, 305]].tolist() == [0.0, 0.0]


def test_a_row_without_a_score_is_an_error(tmp_path):
    with pytest.raises(BadInput, match="1 points have no score"):
        nab.write(tmp_path / "nab.parquet", [recording(1)], [np.append(np.zeros(ROWS - 1), np.nan)], 5.0)


def test_an_empty_folder_says_what_to_give(tmp_path):
    with pytest.raises(BadInput, match=r"points\.parquet"):
        nab.load(tmp_path)


def test_the_command_prints_the_protocol(folder):
    done = CliRunner().invoke(evaluate, ["nab", "--data", str(folder), "--json", str(folder / "out.json")])
    assert done.exit_code == 0, done.output
    assert "NAB standard profile" in done.output
    assert "held_out" in (folder / "out.json").read_text()
