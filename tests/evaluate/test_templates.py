"""The four figures by hand; a file of lines through `evaluate templates`; truth harvested from logging calls."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from mainstay.bench.templates import lines_of, mined, stream
from mainstay.domain.errors import BadInput
from mainstay.evaluate.grouping import figures
from mainstay.evaluate.harvest import canonical, harvest, write
from mainstay.evaluate.templates import PROTOCOL, run

PROGRAM = """
import logging
log = logging.getLogger("shop")

def work(user, host, count, error):
    log.info("user %s came from %s", user, host)
    log.warning("queue holds %d jobs", count)
    log.error(f"cannot reach {host}: {count} tries")
    log.debug("took {} of {} items".format(count, count))
    log.info("done in %.2f s, %d%% free" % (count, count))
    log.log(20, "level given for %r", user)
    log.info(error)
    print("no logging call %s" % user)
"""


def table(path: Path, rows: list[tuple[str, str, str]], *, labelled: bool = True) -> Path:
    columns = {"system": [r[0] for r in rows], "line": list(range(len(rows))), "content": [r[1] for r in rows]}
    if labelled:
        columns |= {"event_id": ["E"] * len(rows), "template": [r[2] for r in rows]}
    parquet.write_table(pa.table(columns), path)
    return path


def rows(system: str = "a") -> list[tuple[str, str, str]]:
    return [(system, f"order {n} paid by 10.0.0.{n}", "order <*> paid by <*>") for n in range(20)] + [
        (system, "link up", "link up"),
        (system, "link down", "link down"),
    ]


def test_perfect_is_one_and_merging_everything_is_not():
    truth = ["a <*>", "a <*>", "b", "c"]
    assert figures(truth, truth) == {"ga": 1.0, "fga": 1.0, "pa": 1.0, "fta": 1.0}
    assert figures(truth, ["<*>"] * 4) == {"ga": 0.0, "fga": 0.0, "pa": 0.0, "fta": 0.0}


def test_a_right_group_with_the_wrong_text_counts_for_grouping_only():
    assert figures(["a <*>", "a <*>", "b"], ["a x", "a x", "b"]) == {
        "ga": 1.0, "fga": 1.0, "pa": 0.3333, "fta": 0.5,
    }  # fmt: skip


def test_a_split_template_costs_its_lines_and_both_found_groups():
    assert figures(["a", "a", "b"], ["a", "a", "b"], [1, 2, 3]) == {"ga": 0.3333, "fga": 0.4, "pa": 1.0, "fta": 1.0}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1, max_size=30))
def test_figures_are_shares(pairs):
    found = figures([t for t, _ in pairs], [f for _, f in pairs])
    assert all(0.0 <= value <= 1.0 for value in found.values())


def test_a_labelled_file_is_scored_per_system_and_in_the_mean(tmp_path):
    found = run(table(tmp_path / "lines.parquet", rows("a") + rows("b")), None)
    assert (found["ga"], found["fga"], found["pa"], found["fta"]) == (1.0, 1.0, 1.0, 1.0)
    assert (found["systems"], found["lines"]) == (2, 44)
    assert found["a"]["templates"] == found["b"]["true_templates"] == 3
    assert "Loghub-2.0" in PROTOCOL


def test_without_labels_only_predictions_are_written(tmp_path):
    found = run(table(tmp_path / "lines.parquet", rows(), labelled=False), tmp_path)
    assert found == {"predictions": 22}
    written = parquet.read_table(tmp_path / "templates.parquet").to_pylist()
    assert [row["line"] for row in written] == list(range(22))
    assert written[0]["template"] == "order <*> paid by <*>"
    assert len({row["template_id"] for row in written}) == 3


def test_a_folder_of_csv_is_read_and_what_cannot_be_read_is_said(tmp_path):
    (tmp_path / "x.csv").write_text("system,line,content,template\na,1,order 7 paid,order <*> paid\n")
    assert run(tmp_path, None)["pa"] == 1.0
    (tmp_path / "x.csv").write_text("content\nfoo\n")
    with pytest.raises(BadInput, match="no column system"):
        run(tmp_path, None)
    (tmp_path / "x.csv").unlink()
    with pytest.raises(BadInput, match="holds no"):
        run(tmp_path, None)


def test_canonical_is_how_labelled_sets_write_templates():
    assert canonical("got  blk_<*> from /<*>:<*> as true at 17") == "got <*> from <*> as <*> at <*>"
    assert canonical('"<*>" said "<*>" twice') == '"<*>" said <*> twice'
    assert canonical("core.<*> of user-<*>") == "core.<*> of user-<*>"


def test_format_strings_of_logging_calls_become_lines_with_their_templates(tmp_path, monkeypatch):
    monkeypatch.setattr("mainstay.evaluate.harvest.LEAST_CALLS", 3)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "work.py").write_text(PROGRAM)
    (tmp_path / "shop" / "broken.py").write_text("def (")
    found = harvest([tmp_path], most=200)
    assert harvest([tmp_path], most=200) == found, "the same seed, the same lines"
    assert {template for _, template in found["shop"]} == {
        "user <*> came from <*>", "queue holds <*> jobs", "cannot reach <*>: <*> tries", "took <*> of <*> items",
        "done in <*> s, <*>% free", "level given for <*>",
    }  # fmt: skip
    assert len(found["shop"]) == 200
    assert write(found, tmp_path / "own.parquet") == 200
    assert run(tmp_path / "own.parquet", None)["lines"] == 200


def test_the_bench_stream_keeps_bringing_new_words(tmp_path):
    lines = stream(2_000)
    assert len({word for line in lines for word in line.split()}) > 2_000
    cpu_s, miner, parameters = mined(lines)
    assert cpu_s > 0
    assert len(miner) < 300
    assert parameters > 2_000
    parquet.write_table(pa.table({"raw": lines[:3]}), tmp_path / "raw.parquet")
    assert lines_of(tmp_path) == lines[:3]
