"""The demo from the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mainstay.demo.run import Options

FAULTS = (
    "bad-deploy-slow",
    "bad-deploy-errors",
    "bad-config",
    "memory-leak",
    "cpu-hog",
    "db-locked",
    "dependency-outage",
    "queue-backlog",
    "disk-full",
)

SCENARIOS = ("bad-model", "drift", "served-model")
VARIANTS = ("deaf", "trigger-happy", "missing", "noisy")


@click.command()
@click.option("--fault", type=click.Choice([*FAULTS, "none"]), default="bad-deploy-slow", show_default=True)
@click.option("--service", default=None, help="Where; drawn by seed unless given.")
@click.option("--seed", default=1, show_default=True)
@click.option("--check", is_flag=True, help="Exit 0 only if all of it was true; stop when done.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option("--minutes", default=None, type=float, help="Length of the normal traffic (for --fault none: 30).")
@click.option("--runbook", default="", help="Propose this runbook whatever the cause, e.g. placebo.")
@click.option("--swap", default="", metavar="MODEL", help="Swap this model's version in the middle, e.g. edges.")
@click.option("--shop", type=click.Path(path_type=Path), default=None, help="A shop of your own.")
@click.option("--folder", type=click.Path(path_type=Path), default=None, help="Keep everything here.")
@click.option("--port", default=8080, show_default=True, help="Of the console; 0 takes a free one.")
@click.option("--scenario", type=click.Choice(SCENARIOS), default=None, help="A story of models, not of a fault.")
@click.option("--variant", type=click.Choice(VARIANTS), default="deaf", show_default=True, help="How bad-model is bad.")
@click.option("--record", is_flag=True, help="Keep what was received, for `mainstay replay FOLDER/platform`.")
def demo(scenario: str | None, variant: str, **options: object) -> None:
    """Run the platform and a small shop, put one real fault in, and follow it to the verified fix."""
    from mainstay.demo.run import Options, run
    from mainstay.process import end_in_order

    end_in_order()
    chosen = Options(**options)  # type: ignore[arg-type]
    untrue = _untrue(scenario, variant, chosen) if scenario is not None else run(chosen).untrue()
    if not chosen.check:
        return
    for name in untrue:
        click.echo(f"NOT TRUE: {name}")
    click.echo("all of it was true" if not untrue else f"{len(untrue)} not true")
    sys.exit(1 if untrue else 0)


def _untrue(scenario: str, variant: str, chosen: Options) -> list[str]:
    """Tell a story of models; what of it was not so."""
    from mainstay.demo.scenario import run_bad_model, run_drift, run_served_model
    from mainstay.lab.scoring.onnx import RuntimeMissing

    if scenario == "drift":
        return run_drift(chosen).untrue()
    if scenario == "bad-model":
        return run_bad_model(chosen, variant).untrue()
    try:
        return run_served_model(chosen).untrue()
    except RuntimeMissing as error:
        raise click.ClickException(str(error)) from None
