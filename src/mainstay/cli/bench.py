"""Speed, beside a peer or a limit, in one run."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group()
def bench() -> None:
    """Measure; machines are noisy: compare within one run."""


@bench.command()
@click.option("--series", default=20_000, show_default=True)
@click.option("--rounds", default=25, show_default=True, help="Samples per series.")
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def ingest(series: int, rounds: int, json_file: Path | None) -> None:
    """Remote write into Mainstay and into Debian's Prometheus: HTTP, fsync, stored, scored."""
    from mainstay.bench.ingest import ingest as measure
    from mainstay.bench.load import Load

    figures = measure(Load(series, rounds))
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n")
    for name, value in figures.items():
        click.echo(f"{name:34} {value}")
