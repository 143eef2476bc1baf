"""nezha and petshop on tiny recordings: figures with labels, predictions without, and nothing from after a case."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.evaluate import shops

from mainstay.domain.errors import BadInput
from mainstay.evaluate.rca import ablation, nezha, petshop
from mainstay.evaluate.rca.plain import robust_z, traversal
from mainstay.evaluate.rca.ranks import figures, rank
from mainstay.evaluate.rca.recordings import CaseRow, Recordings, case_rows, folder_of, kind_of, workload
from mainstay.evaluate.rca.statements import Statements


def test_nezha_names_the_service_from_metrics_and_from_lines(tmp_path: Path) -> None:
    found = nezha.run(shops.nezha(tmp_path / "nezha"), None)
    assert (found["train_ticket_cases"], found["train_ticket_ac1"]) == (2, 1.0)
    assert {"train_ticket_z_ac1", "train_ticket_traversal_ac1", "train_ticket_cpu_s_per_case"} <= found.keys()
    assert not any(name.startswith("online_boutique") for name in found)


def test_without_spans_the_lost_line_is_not_seen_and_not_guessed(tmp_path: Path) -> None:
    answers = list(nezha.questions(shops.nezha(tmp_path, spans=False)))
    assert [question.inputs["survey"]["works"] for question in answers] == [[], []]
    assert nezha.run(tmp_path, None)["train_ticket_ac1"] == 0.5


def test_nothing_after_a_case_is_looked_at(tmp_path: Path) -> None:
    folder = shops.nezha(tmp_path)
    rows = case_rows(folder)
    recordings = Recordings(folder, "TrainTicket")
    assert [len(recordings.past(row)) for row in rows] == [1, 1]
    early = CaseRow("Shop/1", "TrainTicket", rows[0].began_ms - 2 * 3_600_000, "")
    assert recordings.past(early) == []
    for row in rows:
        assert all(len(gauge["past"]) == 20 for gauge in recordings.gauges(row))
    late = pq.read_table(folder / "normal_metrics.parquet")
    moved = late.set_column(2, "ts", pa.array([t + timedelta(hours=5) for t in late["ts"].to_pylist()]))
    pq.write_table(moved, folder / "normal_metrics.parquet")
    assert all(gauge["past"] == [] for gauge in Recordings(folder, "TrainTicket").gauges(rows[1]))


def test_petshop_names_the_slow_callee_also_without_a_normal_time(tmp_path: Path) -> None:
    found = petshop.run(shops.petshop(tmp_path / "rca" / "petshop").parents[1], None)
    assert (found["cases"], found["ac1"], found["busy_ac1"]) == (1, 1.0, 1.0)
    assert (found["no_baseline_cases"], found["no_baseline_ac1"]) == (1, 1.0)
    assert found["z_ac1"] == 0.0  # front is as slow as pay: a tie counts as the worst rank
    assert found["traversal_ac1"] == 1.0


@pytest.mark.parametrize("suite", ["nezha", "petshop"])
def test_without_labels_only_predictions_are_written(tmp_path: Path, suite: str) -> None:
    folder = getattr(shops, suite)(tmp_path / suite, labels=False)
    run = {"nezha": nezha.run, "petshop": petshop.run}[suite]
    with pytest.raises(BadInput, match="predictions"):
        run(folder, None)
    rows = run(folder, tmp_path)
    table = pq.read_table(tmp_path / f"{suite}.parquet")
    assert rows == {"predictions": table.num_rows}
    assert table.column_names == ["case", "service", "score", "cpu_s"]
    assert set(table["service"].to_pylist()) == set(shops.SERVICES)
    assert all(0.0 <= score <= 1.0 for score in table["score"].to_pylist())
    assert table.num_rows == 2 * len(shops.SERVICES)


def test_with_labels_predictions_are_the_same_and_figures_are_told(tmp_path: Path) -> None:
    shops.petshop(tmp_path / "with")
    shops.petshop(tmp_path / "without", labels=False)
    for name in ("with", "without"):
        (tmp_path / f"out-{name}").mkdir()
        told = petshop.run(tmp_path / name, tmp_path / f"out-{name}")
        assert ("ac1" in told) is (name == "with")
    tables = [pq.read_table(tmp_path / f"out-{name}" / "petshop.parquet") for name in ("with", "without")]
    assert tables[0].drop(["cpu_s"]).equals(tables[1].drop(["cpu_s"]))


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"cases\.parquet"):
        folder_of(tmp_path, "nezha")
    folder = shops.petshop(tmp_path)
    table = pq.read_table(folder / "metrics.parquet")
    pq.write_table(table.slice(0, table.num_rows // 2), folder / "metrics.parquet")
    with pytest.raises(BadInput, match="night/1"):
        petshop.run(folder, None)


def test_ablation_withholds_one_kind_of_signal(tmp_path: Path) -> None:
    shops.nezha(tmp_path / "nezha")
    shops.petshop(tmp_path / "petshop")
    found = ablation.run(tmp_path, None)
    assert found["train_ticket_all"].startswith("ac1 1.000")
    assert found["train_ticket_no_logs"].startswith("ac1 0.500")
    assert found["petshop_no_metrics"].startswith("ac1 0.000")
    assert found["petshop_only_metrics"] == found["petshop_all"]


def test_ties_count_as_the_worst_rank() -> None:
    assert [rank({"a": 0.3, "b": 0.3, "c": 0.1}, name) for name in "abcd"] == [2, 2, 3, None]
    assert figures([2, 3, None, 1])["ac3"] == 0.75


def test_plain_baselines() -> None:
    assert robust_z(np.array([1.0, np.nan]), np.array([5.0])) == 0.0
    assert robust_z(np.array([1.0, 2.0, 3.0]), np.array([np.nan])) == 0.0
    edges = [("a", "b"), ("b", "a"), ("b", "c")]
    assert traversal({"a": 9.0, "b": 8.0, "c": 1.0}, edges) == {"a": 0.0, "b": 0.0, "c": 0.0}
    assert traversal({"a": 1.0, "b": 8.0, "c": 9.0}, edges, "a") == {"a": 0.0, "b": 0.0, "c": 9.0}


def test_a_statement_is_its_place_or_its_template() -> None:
    statements = Statements()
    bodies = ["12:01 INFO a.b.C#41 paid 7", "12:02 INFO a.b.C#41 paid 8", "order 17 is paid", "order 18 is paid", ""]
    said = list(statements.of(bodies, [""] * 5, [""] * 5))
    assert said[:2] == ["a.b.C#41"] * 2
    assert said[2] == said[3]
    assert said[2].startswith("@")
    assert said[4] == ""
    assert list(statements.of(["order 99 is paid"], [""], [""])) == said[2:3]


def test_names_of_pods_and_metrics() -> None:
    assert workload("ts-food-service" + shops.POD) == "ts-food-service"
    assert workload("front") == "front"
    assert kind_of("MemoryUsageRate(%)") == ("memory", True)
    assert kind_of("NetworkReceiveBytes") == ("", False)
