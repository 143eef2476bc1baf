"""What an operator does to the shop: `python -m mainstay.lab.shopctl --lab DIR VERB SERVICE`.

Every verb waits until it is done and prints one line of JSON. It exits 0 when the shop is as asked (also when
there was nothing to do), 1 when it could not be brought there, 2 when the call makes no sense. `check` changes nothing:
it exits 0 when the shop is as asked, 1 when it is not, 3 when that cannot be told.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mainstay.lab.folder import Folder
from mainstay.lab.operate.commands import add_verbs, carry_out
from mainstay.lab.operate.control import is_open
from mainstay.lab.operate.instance import OperationFailed


def main(words: Sequence[str] | None = None) -> int:
    """Carry out one operator's command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="shopctl", description="Operate the shop of a lab.")
    parser.add_argument("--lab", required=True, metavar="DIR", help="the lab's folder")
    add_verbs(parser)
    arguments = parser.parse_args(words)
    folder = Folder(Path(arguments.lab))
    if not is_open(folder):
        sys.stderr.write(f"shopctl: {folder.root}: expected the folder of a running lab\n")
        return 2
    try:
        done = carry_out(folder, arguments)
    except OperationFailed as error:
        sys.stdout.write(json.dumps({"verb": arguments.verb, "ok": False, "error": str(error)}) + "\n")
        return 3 if arguments.verb == "check" else 1
    if arguments.verb == "status" and not arguments.json:
        sys.stdout.write(_table(done))
    else:
        sys.stdout.write(json.dumps({"verb": arguments.verb, "ok": True, **done}) + "\n")
    return 0 if done.get("holds", True) else 1


def _table(status: dict[str, Any]) -> str:
    row = "{:<20} {:<8} {:<9} {:<9} {}\n".format
    lines = [row("service", "version", "config", "replicas", "health")]
    for service in status["services"]:
        health = "healthy" if service["healthy"] else ", ".join(found["state"] for found in service["instances"])
        revision = f"r{service['revision']}"
        lines.append(row(service["service"], service["version"], revision, service["replicas"], health))
    return "".join(lines)


if __name__ == "__main__":
    sys.exit(main())
