"""What the company knows of its services: imported from where it is kept already."""

from __future__ import annotations

import time
from pathlib import Path

import click
import msgspec


@click.group()
def topology() -> None:
    """Who depends on whom, how critical it is, and who owns it."""


@topology.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--catalog", default=Path("catalog.yaml"), show_default=True, type=click.Path(path_type=Path),
              help="Mainstay's catalog (setting `catalog`): brought up to date, or begun.")  # fmt: skip
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the report here.")
def import_topology(files: tuple[Path, ...], catalog: Path, json_file: Path | None) -> None:
    """Read Backstage's catalog-info.yaml, or a CMDB's export as CSV or JSON, into the catalog.

    Cycles, orphans and unknown owners are kept and told. A file that cannot be read is refused with line and field, and
    nothing is written. A running platform takes the catalog up at its next start.
    """
    from mainstay.normalize.entities.imports import import_files

    report = import_files(files, catalog, int(time.time() * 1000))
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    for line in report.lines():
        click.echo(line)
    click.echo(f"written to {catalog}")
