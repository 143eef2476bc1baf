"""The command line. `mainstay --help` answers at once: a command's module is imported when it is called."""

from __future__ import annotations

import importlib
import sys

import click

from mainstay import __version__
from mainstay.domain.errors import MainstayError

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("run:up", "Run the platform."),
    "demo": ("demo:demo", "Platform, a small shop, one real fault: all the way to the verified fix."),
    "lab": ("lab:lab", "The shop by itself, and faults to put into it."),
    "connect": (
        "connect:connect",
        "Print what to paste into Prometheus, Alertmanager or OTel; wait; say what came.",
    ),
    "import": ("import_:import_", "Day one has a past: series, alerts and tickets that others kept."),
    "replay": ("replay:replay", "Recorded telemetry through the same pipeline."),
    "evaluate": ("evaluate:evaluate", "Accuracy on labelled recordings, with the protocol printed."),
    "bench": ("bench:bench", "Speed, beside a peer or a limit, in one run."),
    "incidents": ("incidents:incidents", "List, show and act on incidents."),
    "alerts": ("show:alerts", "List and show alerts."),
    "silences": ("silences.silences:silences", "Hold the pages of alerts that need nobody; shown, not hidden."),
    "maintenance": ("silences.maintenance:maintenance", "Announce work on entities, once or weekly."),
    "suppression": (
        "silences.suppression:suppression",
        "Symptoms of known trouble: see the replay, switch it.",
    ),
    "approvals": ("incidents:approvals", "Plans that wait for a person."),
    "models": ("mlops.models:models", "Models, versions, who is live; deploy and roll back."),
    "mlflow": ("mlops.mlflow:mlflow", "Mirror models into an MLflow server; import an ONNX model out of it."),
    "runbooks": ("show:runbooks", "What Mainstay may do, and when."),
    "changes": ("insight.changes:changes", "What was changed, what it did, what one would do; how good forecasts are."),
    "outlook": ("insight.outlook:outlook", "What runs out and when; which services are at risk."),
    "services": ("insight.services:services", "How each service is, and why; who owns it; its error budget."),
    "entities": ("show:entities", "What is watched, and why a label set is which entity."),
    "topology": ("insight.topology:topology", "Who depends on whom: import it from Backstage or a CMDB."),
    "logs": ("insight.recorded:logs", "What was said: lines, templates, the values in them."),
    "traces": ("insight.recorded:traces", "Calls that were kept whole: list and show."),
    "ledger": ("ledger:ledger", "The record of every decision: list, verify, perform again."),
    "users": ("people:users", "People and their roles."),
    "tokens": ("people:tokens", "What may send, and what may call."),
    "config": ("run:config", "Show or check settings."),
    "backup": ("run:backup", "A consistent copy while running."),
    "restore": ("run:restore", "Put a copy back into an empty folder."),
}


class _Lazy(click.Group):  # the parameters are click's
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(f"mainstay.cli.{module}"), attribute)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mainstay")
def root() -> None:
    """Mainstay: faults found, explained and mended by models that can be named, watched and rolled back."""


def main() -> None:
    """Run; an error of ours is one sentence and exit 2, never a stack trace."""
    try:
        root(prog_name="mainstay")
    except MainstayError as error:
        click.echo(f"mainstay: {error}", err=True)
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(0)
