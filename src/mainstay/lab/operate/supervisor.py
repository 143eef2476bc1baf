"""The supervisor: runs the shop in one folder, and takes one order at a time."""

from __future__ import annotations

import argparse
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from mainstay.lab.folder import Folder, read_json
from mainstay.lab.operate.changes import Announcer
from mainstay.lab.operate.control import Control
from mainstay.lab.operate.fleet import Fleet
from mainstay.lab.operate.instance import OperationFailed
from mainstay.lab.operate.orders import Orders
from mainstay.lab.shop import Shop, read_shop
from mainstay.lab.shop.release import (
    versions,
)
from mainstay.lab.slots import evict

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.25
CONFIRM_WITHIN_S = 5.0
Result = dict[str, Any]


class Supervisor:
    """Owns every process of the shop, and ends them when it ends."""

    def __init__(self, folder: Folder) -> None:
        settings = read_json(folder.settings)
        token = folder.token.read_text(encoding="utf-8").strip() if folder.token.exists() else ""
        self._folder = folder
        self._shop: Shop = read_shop(folder.shop)
        self._fleet = Fleet(folder, self._shop, settings["noise_seed"])
        announcer = Announcer(settings["changes_url"], token, folder.changes)
        self._orders = Orders(folder, self._shop, self._fleet, announcer)
        self._control = Control(folder)
        self._stopping = threading.Event()
        self._load: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Run the shop until told to stop."""
        first = {name: versions(self._folder, name)[0] for name in self._shop.names}
        try:
            self._fleet.open(first)
            self._load = _let_users_in(self._folder)
            self._control.open()
            while not self._stopping.is_set():
                self._take_order()
                self._fleet.watch()
        finally:
            self._control.close()
            if self._load:
                self._load.kill()
                self._load.wait()
            for slot in (*self._shop.names, *(database.name for database in self._shop.databases)):
                evict(self._folder, slot)
            self._fleet.close()

    def stop(self) -> None:
        self._stopping.set()

    def _take_order(self) -> None:
        try:
            order = self._control.orders.get(timeout=LOOK_EVERY_S)
        except queue.Empty:
            return
        try:
            order.outcome.set_result(self._orders.carry_out(order.verb, order.details))
        except OperationFailed as error:
            order.outcome.set_exception(error)
        except Exception as error:  # the shop stays open whatever one order comes to
            log.exception("%s %s failed", order.verb, order.details)
            order.outcome.set_exception(OperationFailed(str(error.args[0] if error.args else error)))


def _let_users_in(folder: Folder) -> subprocess.Popen[bytes]:
    with folder.log("users").open("a", encoding="utf-8") as stream:
        return subprocess.Popen(
            [sys.executable, "-m", "mainstay.lab.users.load", "--lab", str(folder.root), "--parent", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="supervisor")
    parser.add_argument("--lab", required=True)
    supervisor = Supervisor(Folder(Path(parser.parse_args().lab)))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stop())
    threading.Thread(target=_stop_with_owner, args=(supervisor,), daemon=True).start()
    supervisor.run()


def _stop_with_owner(supervisor: Supervisor) -> None:
    """The owner holds the other end of standard input: when it is gone, the shop closes."""
    sys.stdin.read()
    supervisor.stop()


if __name__ == "__main__":
    main()
