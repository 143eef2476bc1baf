"""The operator's verbs: what `shopctl` can do, as words."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from mainstay.lab.folder import Folder
from mainstay.lab.operate.control import ask

VERBS = {
    "redeploy": "run a version of the service",
    "restart": "replace its processes, or end the maintenance of a database",
    "restore": "return to its last good configuration",
    "scale": "run N instances of it",
    "clean": "end strangers in its place, remove files that are not its own",
    "check": "say whether it is as asked: exit 0 it is, 1 it is not, 3 it cannot be told",
    "status": "show what runs and whether it answers",
}


def add_verbs(parser: argparse.ArgumentParser) -> None:
    """Teach a parser the verbs."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, tells in VERBS.items():
        command = verbs.add_parser(verb, help=tells)
        if verb == "status":
            command.add_argument("service", nargs="?", default="", metavar="SERVICE")
            command.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
        else:
            command.add_argument("service", metavar="SERVICE")
        if verb == "redeploy":
            command.add_argument("--version", required=True, metavar="V")
        if verb == "check":
            command.add_argument("--version", default="", metavar="V")
            command.add_argument("--replicas", type=int, default=0, metavar="N")
            command.add_argument("--last-good", action="store_true", help="runs its last good configuration")
            command.add_argument("--clean", action="store_true", help="nothing foreign is in its place")
        if verb == "scale":
            command.add_argument("count", type=int, metavar="N")


def operate(folder: Folder, words: Sequence[str]) -> dict[str, Any]:
    """Carry out a command given as words, such as `("restart", "payments")`; OperationFailed when it fails."""
    parser = argparse.ArgumentParser(prog="shopctl")
    add_verbs(parser)
    return carry_out(folder, parser.parse_args(words))


def carry_out(folder: Folder, arguments: argparse.Namespace) -> dict[str, Any]:
    """Carry out a parsed command."""
    if arguments.verb == "redeploy":
        return _redeploy(folder, arguments.service, arguments.version)
    if arguments.verb == "scale":
        return ask(folder, "scale", service=arguments.service, count=arguments.count)
    if arguments.verb == "check":
        given = vars(arguments)
        return ask(folder, "check", **{n: given[n] for n in ("service", "version", "replicas", "last_good", "clean")})
    return ask(folder, arguments.verb, service=arguments.service)


def _redeploy(folder: Folder, service: str, version: str) -> dict[str, Any]:
    """Run a version again; one older than that which runs is a rollback."""
    running = ask(folder, "status", service=service)["services"][0]["version"]
    is_older = version[1:].isdigit() and int(version[1:]) < int(running[1:])
    return ask(
        folder,
        "deploy",
        service=service,
        version=version,
        author="operator",
        summary=f"{'roll back' if is_older else 'redeploy'} {service} to {version}",
        kind="rollback" if is_older else "deploy",
    )
