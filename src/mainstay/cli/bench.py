"""Speed, beside a peer or a limit, in one run."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import click


@click.group()
def bench() -> None:
    """Measure; machines are noisy: compare within one run."""


@bench.command()
@click.option("--series", default=100_000, show_default=True)
@click.option("--rounds", default=20, show_default=True, help="Samples per series.")
@click.option("--beside", default=20.0, show_default=True, help="Seconds at its own pace, queries and training beside.")
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def ingest(series: int, rounds: int, beside: float, json_file: Path | None) -> None:
    """Remote write into Mainstay and into Debian's Prometheus: HTTP, fsync, stored, scored."""
    from mainstay.bench.ingest import ingest as measure
    from mainstay.bench.load import Load

    _say(measure(Load(series, rounds), beside), json_file)


@bench.command()
@click.option("--minutes", default=10.0, show_default=True)
@click.option("--retention", "retention_s", default=60.0, show_default=True, help="Seconds.")
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def disk(minutes: float, retention_s: float, json_file: Path | None) -> None:
    """Full load with a short retention: disk use must be flat."""
    from mainstay.bench.endurance import disk as measure

    _say(measure(minutes * 60, retention_s=retention_s, hot_s=retention_s / 2), json_file)


@bench.command()
@click.option("--seconds", default=60.0, show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def overload(seconds: float, json_file: Path | None) -> None:
    """Ten times more than can be taken: refused with 503, in bounded memory."""
    from mainstay.bench.endurance import overload as measure

    with tempfile.TemporaryDirectory(prefix="mainstay-bench-") as folder:
        _say(measure(Path(folder), seconds), json_file)


@bench.command()
@click.option("--entries", default=1_000_000, show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def ledger(entries: int, json_file: Path | None) -> None:
    """The proof of the ledger: every hash and every frozen input walked again."""
    from mainstay.bench.ledger import ledger as measure

    _say(measure(entries), json_file)


@bench.command()
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--columns", default=100, show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def drift(rows: int, columns: int, json_file: Path | None) -> None:
    """Whether many rows of many columns have drifted from a reference."""
    from mainstay.bench.drift import drift as measure

    _say(measure(rows, columns), json_file)


@bench.command()
@click.option("--series", default=200_000, show_default=True)
@click.option("--rounds", default=40, show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def watching(series: int, rounds: int, json_file: Path | None) -> None:
    """What it costs to watch the metric detector for drift, beside the detector alone."""
    from mainstay.bench.watching import watching as measure

    _say(measure(series, rounds), json_file)


@bench.command()
@click.option("--series", default=450, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Recorded series (Parquet) beside the made.")
@click.option("--latencies", default=20, show_default=True, help="Of each of eleven kinds, against an objective.")
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def forecast(series: int, seed: int, data: Path | None, latencies: int, json_file: Path | None) -> None:
    """Series per second that are forecast and tried on their past, beside seasonal naive and MSTL."""
    from mainstay.bench.forecast import forecast as measure

    _say(measure(series, seed, data, latencies), json_file)


@bench.command()
@click.option("--series", default=100_000, show_default=True)
@click.option("--share", default=0.05, show_default=True, help="Of them have a limit, or are one.")
@click.option("--rounds", default=20, show_default=True, help="Samples per series, 15 s apart.")
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def outlook(series: int, share: float, rounds: int, json_file: Path | None) -> None:
    """What looking ahead adds to the CPU of the pipeline, for a million samples."""
    from mainstay.bench.outlook import outlook as measure

    _say(measure(series, share, rounds), json_file)


@bench.command()
@click.option("--services", default=20, show_default=True)
@click.option("--days", default=40, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--towns", default=1, show_default=True, help="So many seeds from that one on, added up.")
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def prediction(services: int, days: int, seed: int, towns: int, json_file: Path | None) -> None:
    """The predictor trained and judged time-forward on a stream that is made from a seed, beside repeat offenders."""
    from mainstay.bench.prediction import prediction as measure

    _say(measure(services, days, seed, towns), json_file)


@bench.command()
@click.option("--fuzz", default=0, show_default=True, help="Damaged bodies to read, with checks and at a guard page.")
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def decode(fuzz: int, json_file: Path | None) -> None:
    """Bodies to columns: compiled readers beside the readers of messages."""
    from mainstay.bench import decode as measured

    _say(measured.fuzz(fuzz) if fuzz else measured.decode(), json_file)


@bench.command()
@click.option("--lines", default=50_000, show_default=True)
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Measure on these lines (Parquet) instead.")
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def templates(lines: int, data: Path | None, json_file: Path | None) -> None:
    """Lines per second of the log template miner beside drain3, merging and parameters included."""
    from mainstay.bench.templates import lines_of, measure, stream

    _say(measure(lines_of(data) if data else stream(lines)), json_file)


@bench.command()
@click.option("--series", default=1_000_000, show_default=True)
@click.option("--scopes", default=200, show_default=True)
@click.option("--versions", default=20, show_default=True, help="Different sets of rules among the scopes.")
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def detect(series: int, scopes: int, versions: int, json_file: Path | None) -> None:
    """The metric detector beside river: points per CPU second, bytes a series, restore, what a shadow costs."""
    from mainstay.bench.detect import Plant
    from mainstay.bench.detect import detect as measure

    _say(measure(Plant(series, scopes, versions)), json_file)


@bench.command()
@click.option("--entities", default=100, show_default=True)
@click.option("--metrics", default=24, show_default=True, help="Of each entity.")
@click.option("--rounds", default=120, show_default=True, help="Timed, after those that warm it.")
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def entity(entities: int, metrics: int, rounds: int, json_file: Path | None) -> None:
    """The many metrics of an entity judged together, beside a plain PCA that never learns."""
    from mainstay.bench.entity import Fleet
    from mainstay.bench.entity import entity as measure

    _say(measure(Fleet(entities, metrics, rounds)), json_file)


@bench.command()
@click.option("--open", "opened", default=100_000, show_default=True, help="Alerts that are open all the while.")
@click.option("--alerts", default=20_000, show_default=True, help="Timed.")
@click.option("--services", default=5_000, show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def correlate(opened: int, alerts: int, services: int, json_file: Path | None) -> None:
    """Alerts to incidents while many are open: alerts a second, latency at 5,000 a second, one status change."""
    from mainstay.bench.correlate import Estate
    from mainstay.bench.correlate import correlate as measure

    _say(measure(Estate(services, opened, alerts)), json_file)


@bench.command()
@click.option("--series", default=1_000_000, show_default=True)
@click.option("--scopes", default=200, show_default=True)
@click.option("--versions", default=20, show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def serving(series: int, scopes: int, versions: int, json_file: Path | None) -> None:
    """What a deployment costs: the detector alone, through scopes and versions, and with a default shadow."""
    from mainstay.bench.detect import Plant
    from mainstay.bench.serving import serving as measure

    _say(measure(Plant(series, scopes, versions)), json_file)


def _say(figures: dict[str, Any], json_file: Path | None) -> None:
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n")
    for name, value in figures.items():
        click.echo(f"{name:34} {value}")
