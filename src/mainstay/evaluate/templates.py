"""Log templates against labelled lines: the four figures of Loghub-2.0, per system and their mean."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mainstay.bench.drain import drained
from mainstay.domain.errors import BadInput
from mainstay.evaluate.grouping import figures
from mainstay.normalize.logs.headline import spoken
from mainstay.normalize.logs.lines import MAX_BODY
from mainstay.normalize.logs.miner import Miner
from mainstay.normalize.masking import mask_to

PROTOCOL = """\
templates: lines in file order, one miner per system from nothing, one configuration for all systems, masked as in the
product. A line's template is what its id means at the end of its system (Drain is read the same way). GA, FGA, PA, FTA
as in Loghub-2.0 (Jiang et al., ISSTA 2024): exact groups and exact texts, `<*>` for a variable, no forgiveness. Beside
it drain3 with its defaults on the same lines, when it is installed. Lines per second are CPU time, mining only."""
COLUMNS = ("system", "line", "content")
FIGURES = ("ga", "fga", "pa", "fta")


@dataclass(frozen=True, slots=True)
class Labelled:
    """Lines of one system; `truth` is None when the file has no labels."""

    system: str
    line: Sequence[Any]
    content: Sequence[str]
    truth: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Found:
    """Template id and text of each line, and the CPU seconds that it took."""

    ids: list[int]
    texts: list[str]
    cpu_s: float


def run(data: Path, predictions: Path | None) -> dict[str, Any]:
    """The figures of every system in a Parquet or CSV file, or in all of a folder.

    Raises:
        BadInput: There is no such file, or a column is missing.
    """
    Miner().learn("one line")  # machine code is read from its cache: not what is timed
    out: dict[str, Any] = {}
    rows: list[tuple[Any, ...]] = []
    for labelled in systems(data):
        found = mined(labelled.content)
        rows += zip([labelled.system] * len(found.ids), labelled.line, found.ids, found.texts, strict=True)
        if labelled.truth is not None:
            out[labelled.system] = _figures(labelled, found)
    if predictions is not None:
        write(rows, predictions / "templates.parquet")
        out["predictions"] = len(rows)
    scored = [figure for figure in out.values() if isinstance(figure, dict)]
    return {**_means(scored), **out} if scored else out


def mined(content: Sequence[str]) -> Found:
    """What the product makes of lines: masked, then mined; ids as they are after the last."""
    lines = [spoken(mask_to(text, MAX_BODY)) for text in content]
    miner = Miner()
    since = time.process_time()
    numbers = miner.learn_many(lines).tolist()
    cpu_s = time.process_time() - since
    ids = [miner.current(number) for number in numbers]
    texts = {number: miner.text(number) for number in set(ids)}
    return Found(ids, [texts[number] for number in ids], cpu_s)


def systems(data: Path) -> Iterator[Labelled]:
    """The systems of a file or a folder, in the order of their first lines."""
    import pyarrow as pa
    from pyarrow import compute

    files = sorted(p for p in data.iterdir() if p.suffix in (".parquet", ".csv")) if data.is_dir() else [data]
    if not files:
        raise BadInput(f"{data} holds no .parquet or .csv file; templates needs the columns {', '.join(COLUMNS)}")
    for path in files:
        table: pa.Table = _read(path)
        missing = [name for name in COLUMNS if name not in table.column_names]
        if missing:
            raise BadInput(f"{path.name} has no column {missing[0]}; templates needs {', '.join(COLUMNS)}")
        for system in compute.unique(table["system"]).to_pylist():
            part = table.filter(compute.equal(table["system"], system))
            truth = part["template"].to_pylist() if "template" in part.column_names else None
            content = [text or "" for text in part["content"].to_pylist()]
            yield Labelled(str(system), part["line"].to_pylist(), content, truth)


def write(rows: Sequence[tuple[Any, ...]], path: Path) -> None:
    """What was decided: system, line, template_id, template."""
    import pyarrow as pa
    from pyarrow import parquet

    names = ("system", "line", "template_id", "template")
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    table = pa.table({name: list(column) for name, column in zip(names, columns, strict=True)})
    parquet.write_table(table, path, compression="zstd")


def _read(path: Path) -> Any:
    if path.suffix == ".csv":
        from pyarrow import csv

        return csv.read_csv(path, parse_options=csv.ParseOptions(newlines_in_values=True))
    from pyarrow import parquet

    return parquet.read_table(path)


def _figures(labelled: Labelled, found: Found) -> dict[str, Any]:
    truth = [template or "" for template in labelled.truth or ()]
    out: dict[str, Any] = {
        **figures(truth, found.texts, found.ids),
        "lines": len(truth),
        "true_templates": len(set(truth)),
        "templates": len(set(found.ids)),
        "lines_per_s": round(len(truth) / max(found.cpu_s, 1e-9)),
    }
    peer = drained(labelled.content)
    if peer is not None:
        scored = figures(truth, peer.texts, peer.ids)
        out |= {f"drain3_{name}": value for name, value in scored.items()}
        out["drain3_lines_per_s"] = round(len(truth) / max(peer.cpu_s, 1e-9))
    return out


def _means(scored: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over systems; rates over all lines together."""
    names = [name for name in (*FIGURES, *(f"drain3_{n}" for n in FIGURES)) if name in scored[0]]
    out: dict[str, Any] = {name: round(sum(one[name] for one in scored) / len(scored), 4) for name in names}
    lines = sum(one["lines"] for one in scored)
    for name in ("lines_per_s", "drain3_lines_per_s"):
        if name in scored[0]:
            out[name] = round(lines / sum(one["lines"] / max(one[name], 1) for one in scored))
    return {**out, "systems": len(scored), "lines": lines}
