"""The lab from the command line; the lab itself knows nothing of Mainstay."""

from __future__ import annotations

import json
from pathlib import Path

import click

THROUGH = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


@click.group()
def lab() -> None:
    """A small real shop to break, and labelled faults to break it with."""


@lab.command(context_settings=THROUGH)
@click.pass_context
def run(ctx: click.Context) -> None:
    """The shop by itself, until interrupted."""
    _lab(ctx, "run")


@lab.command(context_settings=THROUGH)
@click.pass_context
def fault(ctx: click.Context) -> None:
    """One fault in a shop that runs: `lab fault KIND [SERVICE]`."""
    _lab(ctx, "fault")


@lab.command()
@click.option("--faults", required=True, type=click.IntRange(min=1))
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--shop", type=click.Path(path_type=Path), default=None, help="A shop of your own, or a shipped one's name."
)
@click.option("--quiet", default=90.0, show_default=True, help="Seconds without a fault before each one.")
@click.option("--patience", default=90.0, show_default=True, help="Seconds that a fault lasts.")
@click.option("--after", default=20.0, show_default=True, help="Seconds for users to calm down.")
@click.option("--together", default=0.2, show_default=True, help="Share of faults that a second one joins.")
@click.option("--folder", type=click.Path(path_type=Path), default=None, help="Keep everything here.")
@click.option("--record", is_flag=True, help="Keep what was received, for `mainstay replay FOLDER/platform`.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures here.")
def campaign(
    faults: int,
    json_file: Path | None,
    quiet: float,
    patience: float,
    after: float,
    together: float,
    **rest: object,
) -> None:
    """Platform and shop together, faults of every kind: what was found, how fast, and what was opened for nothing."""
    from mainstay.demo.campaign import campaign as conduct
    from mainstay.demo.run import Options
    from mainstay.lab.campaign import Pace
    from mainstay.process import end_in_order

    end_in_order()
    figures = conduct(Options(**rest), faults, Pace(quiet, patience, after, together))  # type: ignore[arg-type]
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n")
    for name, value in figures.items():
        click.echo(f"{name:34} {value}")


@lab.command()
@click.option("--count", required=True, type=click.IntRange(min=1))
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--shop", type=click.Path(path_type=Path), default=None, help="A shop of your own, or a shipped one's name."
)
@click.option("--watch", default=60.0, show_default=True, help="Seconds until a harmful change is undone.")
@click.option("--settle", default=30.0, show_default=True, help="Seconds for users to calm down.")
@click.option("--folder", type=click.Path(path_type=Path), default=None, help="Keep everything here.")
@click.option("--record", is_flag=True, help="Keep what was received, for `mainstay replay FOLDER/platform`.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures here.")
def changes(count: int, json_file: Path | None, watch: float, settle: float, **rest: object) -> None:
    """Platform and shop together, changes of which half do harm: how well they were foretold and judged."""
    from mainstay.demo.changes import change_campaign
    from mainstay.demo.run import Options
    from mainstay.lab.changing import ChangePace
    from mainstay.process import end_in_order

    end_in_order()
    figures = change_campaign(Options(**rest), count, ChangePace(watch, settle))  # type: ignore[arg-type]
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n")
    for name, value in figures.items():
        click.echo(f"{name:34} {value}")


def _lab(ctx: click.Context, command: str) -> None:
    from mainstay.lab.__main__ import main

    ctx.exit(main([command, *ctx.args]))
