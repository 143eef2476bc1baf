"""Recorded telemetry through the same pipeline, at full speed."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mainstay.cli.run import config_option


@click.command()
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@config_option
@click.option("--batch", default=256, show_default=True, help="Records per batch; the outcome does not depend on it.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the outcome here.")
def replay(path: Path, config_file: Path | None, batch: int, json_file: Path | None) -> None:
    """Run a recording and say what would have been decided.

    PATH is a data folder kept with `keep_inbox: true`, or the folder `history` of one with an imported past.
    """
    from mainstay.history.recording import is_recording, records
    from mainstay.replay import replay as run
    from mainstay.settings import load

    outcome = run(path, load(config_file), batch, records(path) if is_recording(path) else None)
    if json_file is not None:
        json_file.write_text(json.dumps(outcome, indent=2) + "\n")
    click.echo(
        f"{outcome['records']:,} records over {outcome['span_s']:.0f} s in {outcome['took_s']:.1f} s: "
        f"{len(outcome['alerts'])} alerts → {len(outcome['incidents'])} incidents; "
        f"scores {outcome['scores_sha256'][:16]}"
    )
    for incident in outcome["incidents"]:
        click.echo(f"  {incident['id']}  {incident['title']}  ({incident['status']})")
