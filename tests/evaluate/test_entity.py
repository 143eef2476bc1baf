"""`evaluate entity`: one configuration, a score for every point, labels only for the figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from mainstay.cli.evaluate import evaluate
from mainstay.domain.errors import BadInput
from mainstay.evaluate import entity

TRAIN, TEST, WIDTH = 700, 300, 6
SEGMENT = (150, 189)


def recorded(folder: Path, dataset: str = "smd", *, labelled: bool = True, seed: int = 1) -> Path:
    """Two hosts whose metrics follow one load; on part=test the first two leave it for forty points."""
    rng = np.random.default_rng(seed)
    columns: dict[str, list[np.ndarray]] = {}
    for name in ("a", "b"):
        load = np.sin(np.arange(TRAIN + TEST) / 20)[:, None]
        values = 5 + load * rng.uniform(0.5, 1.5, WIDTH) + 0.05 * rng.normal(size=(TRAIN + TEST, WIDTH))
        values[TRAIN + SEGMENT[0] : TRAIN + SEGMENT[1] + 1, :2] += 4.0
        truth = np.zeros(TRAIN + TEST, np.int8)
        truth[TRAIN + SEGMENT[0] : TRAIN + SEGMENT[1] + 1] = 1
        part = np.array(["train"] * TRAIN + ["test"] * TEST)
        t = np.concatenate([np.arange(TRAIN), np.arange(TEST)]).astype(np.int32)
        row = {"entity": np.full(TRAIN + TEST, name), "part": part, "t": t, "label": truth}
        row |= {f"m{j:02d}": values[:, j].astype(np.float32) for j in range(WIDTH)}
        for key, column in row.items():
            columns.setdefault(key, []).append(column)
    table = pa.table({key: np.concatenate(parts) for key, parts in columns.items()})
    target = folder / "metrics" / dataset
    target.mkdir(parents=True)
    if labelled:
        blame = [{"entity": n, "start_t": SEGMENT[0], "end_t": SEGMENT[1], "dims_1based": [1, 2]} for n in ("a", "b")]
        pq.write_table(pa.Table.from_pylist(blame), target / "interpretation.parquet")
    pq.write_table(table if labelled else table.drop_columns("label"), target / "points.parquet")
    return folder


def test_figures_have_their_protocol_and_the_plain_baseline_beside_them(tmp_path):
    out = tmp_path / "figures.json"
    data = recorded(tmp_path)
    result = CliRunner().invoke(evaluate, ["entity", "--data", str(data), "--json", str(out)], catch_exceptions=False)
    assert result.exit_code == 0
    figures = json.loads(out.read_text())
    assert "without point adjustment" in figures["protocol"]
    assert figures["smd_entities"] == 2
    assert figures["smd_auc_pr"] > 0.8
    assert figures["smd_ratio"] == pytest.approx(figures["smd_auc_pr"] / figures["smd_pca_auc_pr"], abs=1e-3)
    assert figures["smd_segments"] == figures["smd_told"] == 2
    assert figures["smd_hit_3"] == 1.0
    assert not any(name.startswith("asd") for name in figures)


def test_predictions_need_no_labels_and_hold_every_point(tmp_path):
    data = recorded(tmp_path / "data", "asd", labelled=False)
    with pytest.raises(BadInput, match="--predictions"):
        entity.run(data, None)
    assert entity.run(data, tmp_path) == {"points": 2 * TEST}
    table = pq.read_table(tmp_path / "entity.parquet")
    assert table.column_names == ["dataset", "entity", "t", "score"]
    assert table["dataset"].to_pylist() == ["asd"] * 2 * TEST
    assert table["t"].to_pylist() == [*range(TEST), *range(TEST)]
    assert np.isfinite(table["score"].to_numpy()).all()


def test_labels_change_no_score(tmp_path):
    entity.run(recorded(tmp_path / "with"), tmp_path)
    known = pq.read_table(tmp_path / "entity.parquet")
    entity.run(recorded(tmp_path / "without", labelled=False), tmp_path)
    assert pq.read_table(tmp_path / "entity.parquet").equals(known)


def test_a_score_uses_nothing_after_it(tmp_path):
    whole = entity.load(recorded(tmp_path), "smd")[0]
    short = entity.Recording(whole.dataset, whole.entity, whole.train, whole.test[:100], whole.t[:100], None, ())
    with entity.deployed() as one, entity.deployed() as other:
        long, cut = entity.listened(one, 0, whole), entity.listened(other, 0, short)
    assert np.array_equal(long.scores[:100], cut.scores)


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(BadInput, match=r"neither smd nor asd"):
        entity.run(tmp_path, None)
    folder = recorded(tmp_path) / "metrics" / "smd"
    points = pq.read_table(folder / "points.parquet")
    pq.write_table(points.slice(0, TRAIN), folder / "points.parquet")
    with pytest.raises(BadInput, match="0 test points"):
        entity.run(tmp_path, None)


def test_a_value_that_is_missing_still_gets_a_score(tmp_path):
    recording = entity.load(recorded(tmp_path), "smd")[0]
    recording.test[40:60, 3] = np.nan
    with entity.deployed() as platform:
        assert np.isfinite(entity.listened(platform, 0, recording).scores).all()


def test_the_plain_baseline_is_the_residual_of_the_main_directions():
    rng = np.random.default_rng(3)
    load = rng.normal(size=(500, 1))
    train = load @ np.ones((1, 4)) + 0.01 * rng.normal(size=(500, 4))
    along, across = np.full((1, 4), 3.0), np.array([[3.0, -3.0, 0.0, 0.0]])
    assert entity.residual(train, along)[0] < 0.1
    assert entity.residual(train, across)[0] > 10
