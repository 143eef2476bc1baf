"""`mainstay models train | training | experiments`, and the lineage of a version."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from mainstay.cli.client import Client, with_client
from mainstay.cli.show import as_json
from mainstay.cli.table import ago, dump, show

_POLL_S = 1.0
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Since(click.ParamType[int]):
    """How far back: `6h`, `30d`, as milliseconds since 1970."""

    name = "SPAN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it."""
        text = str(value)
        if isinstance(value, int) or not text[:-1].replace(".", "", 1).isdigit() or text[-1] not in _UNITS:
            if isinstance(value, int):
                return value
            self.fail(f"{text!r} is no span of time; give for instance 90m, 6h or 30d", param, ctx)
        return int((time.time() - float(text[:-1]) * _UNITS[text[-1]]) * 1000)


@click.command("train")
@click.argument("name")
@click.option("--scope", default="*", show_default=True, help="*, service=NAME, tier=N or environment=NAME.")
@click.option("--since", type=Since(), default=0, help="Learn from the last 6h, 30d, …; all that is kept by default.")
@click.option("--trials", type=click.IntRange(0, 500), default=24, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--set", "knobs", multiple=True, metavar="KNOB=FACTOR", help="Search nothing; the gates judge it.")
@click.option("--why", default="", help="Kept with the version.")
@click.option("--freeze", is_flag=True, help="Keep the rows by themselves, as Parquet, beyond the retention.")
@click.option("--no-rollout", is_flag=True, help="Register the version and stop there.")
@click.option("--wait", is_flag=True, help="Return when the version is registered, refused, or in its rollout.")
@as_json
@with_client
def train(client: Client, name: str, as_json: bool, no_rollout: bool, wait: bool, since: int, **asked: Any) -> None:
    """Make a new version of a model: prepare, train, validate, then shadow, canary, live."""
    knobs = {"knobs": dict(map(_factor, asked.pop("knobs")))}
    run = client.post(f"models/{name}/train", {**asked, **knobs, "since_ms": since, "rollout": not no_rollout})
    while wait and run["status"] == "running" and run["stage"] not in ("shadow", "canary", "live"):
        time.sleep(_POLL_S)
        run = client.get(f"training/{run['id']}")
    if as_json:
        dump(run)
    else:
        click.echo(f"{run['id']}: {run['status']}, {run['stage']}" + (f" — {run['says']}" if run["says"] else ""))
    sys.exit(1 if run["status"] in ("refused", "failed", "rolled_back") else 0)


def _factor(text: str) -> tuple[str, float]:
    """`rel=3`: the knob, and what it multiplies its parameters by."""
    name, _, factor = text.partition("=")
    try:
        return name, float(factor)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not KNOB=FACTOR, for instance rel=1.5") from None


@click.command("training")
@click.argument("run", default="")
@as_json
@with_client
def training(client: Client, run: str, as_json: bool) -> None:
    """List trainings, or show one: how far it came, and what it says."""
    rows = [client.get(f"training/{run}")] if run else client.get("training")
    columns = {
        "ID": "id", "SCOPE": "request.scope", "TRIGGER": "request.trigger", "STAGE": "stage", "STATUS": "status",
        "VERSION": "version", "SINCE": "started_ms", "SAYS": "says",
    }  # fmt: skip
    show(rows, columns, as_json, "nothing was trained yet")


@click.command("experiments")
@click.argument("name")
@as_json
@with_client
def experiments(client: Client, name: str, as_json: bool) -> None:
    """Every trial of every experiment of a model, ranked."""
    found = client.get(f"models/{name}/experiments")
    if as_json:
        dump(found)
        return
    for one in found:
        data = one["snapshot"]
        click.echo(f"{one['id']}  {ago(one['at_ms'])}  scope {one['scope']}  seed {one['seed']}  by {one['by']}")
        click.echo(f"  data set {data['digest'][:12]}: {data['row_count']:,} rows; judged by {_judged(one['labels'])}")
        for problem in one["quality"]["problems"]:
            click.echo(f"  not trained: {problem}")
        rows = [{**trial, **trial["metrics"], "set": _knobs(trial["knobs"])} for trial in one["trials"]]
        columns = {"RANK": "rank", "TRIAL": "number", "LOSS": "loss", "FAULTS": "faults", "FOUND": "detected",
                   "FALSE": "false_alarms", "FACTORS": "set"}  # fmt: skip
        show(rows, columns, as_json=False, empty="  no trial")
        for line in _foretold(one["validation"]):
            click.echo(f"  {line}")
        click.echo("")
    if not found:
        click.echo(f"there is no experiment of {name}")


def tell_lineage(client: Client, version: str, as_json: bool) -> None:
    """Print where a version comes from and what it did."""
    name, _, number = version.rpartition("@")
    found = client.get(f"models/{name}/versions/{number}/lineage")
    if as_json:
        dump(found)
        return
    click.echo("\n".join(_told(found, version)))


def _told(found: dict[str, Any], version: str) -> list[str]:
    made, data, experiment = found["registered"], found["dataset"], found["experiment"]
    lines = []
    if data:
        where = f"{data['query']['scope']}, {len(data['blocks'])} sealed blocks"
        lines.append(f"data        {data['digest'][:12]}  {data['row_count']:,} rows of {where}")
    elif made["is_brought"]:
        lines.append("data        not known here: somebody brought it")
    if experiment:
        trials = len(experiment["trials"])
        lines.append(f"experiment  {experiment['id']}  {trials} trials, best {experiment['best']}, seed {made['seed']}")
    lines.append(f"version     {version}  artefact {made['artefact'][:12]}  by {made['by']}: {made['why']}")
    if found["parents"]:
        lines.append("from        " + " ← ".join(f"{p['model']}@{p['version']}" for p in found["parents"]))
    for one in found["deployments"]:
        lines.append(f"deployment  {one['role']} of {one['kind']} in {one['scope']}, {ago(one['at_ms'])}: {one['why']}")
    caused = ", ".join(f"{count} {kind}" for kind, count in found["caused"].items()) or "nothing"
    return [*lines, f"caused      {caused}"]


def _judged(labels: dict[str, int]) -> str:
    return f"{labels.get('verdict', 0)} labels of people and outcomes, {labels.get('injected', 0)} injected faults"


def _foretold(validation: dict[str, dict[str, float]]) -> list[str]:
    """Of a predictor: what each would have foretold of what came after, the plain baseline beside it."""
    return [
        f"{name}: foretold {one['recall']:.1%} of {one['faults']:.0f} incidents at {one['false_per_day']:.2f} false "
        f"alarms a day, {one['lead_s'] / 60:.0f} min before"
        for name, one in validation.items()
        if "recall" in one
    ]


def _knobs(knobs: dict[str, float]) -> str:
    return ", ".join(f"{name} ×{value:g}" for name, value in knobs.items()) or "as it serves"


COMMANDS = (train, training, experiments)
