"""`python -m mainstay.lab run | fault KIND [SERVICE] | campaign --faults N`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from mainstay.lab import commands
from mainstay.lab.campaign import Pace
from mainstay.lab.fault import KINDS, FaultImpossible
from mainstay.lab.lab import Lab
from mainstay.lab.operate.instance import OperationFailed
from mainstay.lab.scoring.onnx import RuntimeMissing
from mainstay.lab.shop import ShopFileError

FOLDER = "lab-shop"
TRUTH = "lab-truth"


def main(words: Sequence[str] | None = None) -> int:
    """Run one of the lab's commands; returns the exit code."""
    arguments = parser().parse_args(words)
    try:
        _carry_out(arguments)
    except (ShopFileError, RuntimeMissing, FaultImpossible, FileExistsError, FileNotFoundError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OperationFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _carry_out(arguments: argparse.Namespace) -> None:
    if arguments.command == "run":
        commands.run(_lab(arguments), arguments.deploys_every)
    elif arguments.command == "campaign":
        pace = Pace(arguments.quiet, arguments.patience, arguments.after, arguments.together)
        commands.campaign(_lab(arguments), arguments.truth, arguments.faults, pace)
    else:
        done = commands.fault(arguments.lab, arguments.kind, arguments.service, arguments.seed, arguments.truth)
        sys.stdout.write(json.dumps(done.document()) + "\n")


def _lab(arguments: argparse.Namespace) -> Lab:
    token = Path(arguments.token_file).read_text(encoding="utf-8").strip() if arguments.token_file else ""
    return Lab(arguments.shop, arguments.lab, arguments.otlp, arguments.changes, token, arguments.seed, arguments.truth)


def parser() -> argparse.ArgumentParser:
    """The words that the lab understands."""
    lab = argparse.ArgumentParser(prog="mainstay lab", description="A small real shop to break.")
    words = lab.add_subparsers(dest="command", required=True)
    run = words.add_parser("run", help="open the shop until interrupted")
    _add_shop(run)
    run.add_argument("--deploys-every", type=float, default=180, metavar="S", help="a harmless deploy; 0 for none")
    fault = words.add_parser("fault", help="do one fault to a shop that runs")
    fault.add_argument("kind", choices=sorted(KINDS), metavar="KIND", help=", ".join(KINDS))
    fault.add_argument("service", nargs="?", metavar="SERVICE", help="where; drawn by the seed if not given")
    _add_place(fault)
    campaign = words.add_parser("campaign", help="open the shop and do labelled faults, one after the other")
    _add_shop(campaign)
    campaign.add_argument("--faults", type=int, required=True, metavar="N")
    campaign.add_argument("--quiet", type=float, default=Pace.quiet_s, metavar="S", help="before each fault")
    campaign.add_argument("--patience", type=float, default=Pace.patience_s, metavar="S", help="for each fault")
    campaign.add_argument("--after", type=float, default=Pace.after_s, metavar="S", help="after each fault")
    campaign.add_argument("--together", type=float, default=0.0, metavar="P", help="share that a second one joins")
    return lab


def _add_place(command: argparse.ArgumentParser) -> None:
    command.add_argument("--lab", default=FOLDER, metavar="DIR", help=f"the lab's folder ({FOLDER})")
    command.add_argument("--seed", type=int, default=0)
    tells = f"folder for the truth about faults, outside of the lab's ({TRUTH})"
    command.add_argument("--truth", default=TRUTH, metavar="DIR", help=tells)


def _add_shop(command: argparse.ArgumentParser) -> None:
    _add_place(command)
    command.add_argument("--shop", default="default", metavar="FILE", help="a shop file, or a shop's name")
    command.add_argument("--otlp", default="http://127.0.0.1:8080", metavar="URL", help="where telemetry goes")
    command.add_argument("--changes", default="", metavar="URL", help="where change events go")
    command.add_argument("--token-file", metavar="FILE", help="bearer token for both")


if __name__ == "__main__":
    sys.exit(main())
