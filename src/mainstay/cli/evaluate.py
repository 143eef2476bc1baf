"""Accuracy on labelled recordings, through the deployed versions, with the protocol printed."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import click

SUITES: dict[str, str] = {
    "nab": "mainstay.evaluate.nab",
    "entity": "mainstay.evaluate.entity",
    "templates": "mainstay.evaluate.templates",
    "alerts": "mainstay.evaluate.alerts",
    "nezha": "mainstay.evaluate.rca.nezha",
    "petshop": "mainstay.evaluate.rca.petshop",
    "prediction": "mainstay.evaluate.prediction",
    "similar": "mainstay.evaluate.similar",
    "ablation": "mainstay.evaluate.rca.ablation",
}


@click.command()
@click.argument("suite", type=click.Choice(list(SUITES)))
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path), help="The labelled recordings.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option("--predictions", type=click.Path(file_okay=False, path_type=Path), help="Write what was decided here.")
def evaluate(suite: str, data: Path, json_file: Path | None, predictions: Path | None) -> None:
    """Score the versions that ship. Without labels in the data only --predictions are written."""
    module = importlib.import_module(SUITES[suite])
    if predictions is not None:
        predictions.mkdir(parents=True, exist_ok=True)
    click.echo(module.PROTOCOL)
    figures = module.run(data, predictions)
    if json_file is not None:
        json_file.write_text(json.dumps({"protocol": module.PROTOCOL, **figures}, indent=2) + "\n")
    for name, value in figures.items():
        click.echo(f"{name:34} {value}")
