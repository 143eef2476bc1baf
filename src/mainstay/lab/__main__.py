"""`python -m mainstay.lab run | fault KIND [SERVICE]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from mainstay.lab import commands
from mainstay.lab.fault import KINDS, FaultImpossible
from mainstay.lab.lab import Lab
from mainstay.lab.operate.instance import OperationFailed
from mainstay.lab.shop import ShopFileError


def main(words: Sequence[str] | None = None) -> int:
    """Run one of the lab's commands; returns the exit code."""
    arguments = _parser().parse_args(words)
    try:
        if arguments.command == "run":
            commands.run(_lab(arguments), arguments.deploys_every)
        else:
            done = commands.fault(arguments.lab, arguments.kind, arguments.service, arguments.seed, arguments.truth)
            sys.stdout.write(json.dumps(done.document()) + "\n")
    except (ShopFileError, FaultImpossible, FileExistsError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OperationFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _lab(arguments: argparse.Namespace) -> Lab:
    token = Path(arguments.token_file).read_text(encoding="utf-8").strip() if arguments.token_file else ""
    return Lab(
        arguments.shop, arguments.lab, arguments.otlp, arguments.changes, token, arguments.seed, arguments.truth
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab", description="A small real shop to break.")
    commands_ = parser.add_subparsers(dest="command", required=True)
    run = commands_.add_parser("run", help="open the shop until interrupted")
    _add_shop(run)
    run.add_argument("--deploys-every", type=float, default=180, metavar="S", help="a harmless deploy; 0 for none")
    fault = commands_.add_parser("fault", help="do one fault to a shop that runs")
    fault.add_argument("kind", choices=sorted(KINDS))
    fault.add_argument("service", nargs="?", help="where; drawn by the seed if not given")
    _add_place(fault)
    return parser


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lab", required=True, metavar="DIR", help="the lab's folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--truth", metavar="DIR", help="folder for the truth about faults, outside of the lab's")


def _add_shop(parser: argparse.ArgumentParser) -> None:
    _add_place(parser)
    parser.add_argument("--shop", default="default", metavar="FILE")
    parser.add_argument("--otlp", default="http://127.0.0.1:8080", metavar="URL")
    parser.add_argument("--changes", default="", metavar="URL")
    parser.add_argument("--token-file", metavar="FILE")


if __name__ == "__main__":
    sys.exit(main())
