"""The supervisor: runs the shop in one folder, and does what operators and the deployer ask of it, one thing at a time."""

from __future__ import annotations

import argparse
import queue
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from mainstay.lab.folder import Folder, read_json
from mainstay.lab.operate.changes import Announcer, Change
from mainstay.lab.operate.control import Control
from mainstay.lab.operate.fleet import Fleet
from mainstay.lab.operate.instance import Instance, OperationFailed
from mainstay.lab.shop import Shop, read_shop
from mainstay.lab.shop.release import (
    Configuration,
    Release,
    read_configuration,
    read_revision,
    versions,
    write_configuration,
)
from mainstay.lab.slots import evict, strangers, wake

LOOK_EVERY_S = 0.25
CONFIRM_WITHIN_S = 5.0
Result = dict[str, Any]


class Supervisor:
    """Carries out orders. Every order returns what it did; `changed` is false when there was nothing to do."""

    def __init__(self, folder: Folder) -> None:
        settings = read_json(folder.settings)
        token = folder.token.read_text(encoding="utf-8").strip() if folder.token.exists() else ""
        self._folder = folder
        self._shop: Shop = read_shop(folder.shop)
        self._fleet = Fleet(folder, self._shop, settings["noise_seed"])
        self._announcer = Announcer(settings["changes_url"], token, folder.changes)
        self._control = Control(folder)
        self._stopping = threading.Event()
        self._load: subprocess.Popen[bytes] | None = None
        self._verbs: dict[str, Callable[..., Result]] = {
            "deploy": self.deploy, "restart": self.restart, "configure": self.configure, "restore": self.restore,
            "scale": self.scale, "clean": self.clean, "status": self.status,
        }  # fmt: skip

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
            if order.verb not in self._verbs:
                raise OperationFailed(f"unknown verb {order.verb!r}; there are: {', '.join(self._verbs)}")
            order.outcome.set_result(self._verbs[order.verb](**order.details))
        except (OperationFailed, KeyError, TypeError) as error:
            order.outcome.set_exception(OperationFailed(str(error.args[0])))

    def deploy(self, service: str, version: str, author: str = "", summary: str = "", kind: str = "deploy") -> Result:
        """Run a version of a service that lies among its releases."""
        self._shop.service(service)
        running = self._fleet.version(service)
        known = versions(self._folder, service)
        if version not in known:
            raise OperationFailed(f"{service} has no version {version!r}; there are: {', '.join(known)}")
        if version == running and self._is_healthy(service):
            return {"service": service, "changed": False, "did": f"{service} already runs {version}"}
        release = Release.read(self._folder.release(service, version))
        self._fleet.replace(service, version, len(self._fleet.instances[service]))
        change = Change(service, kind, version, running, summary or release.summary, author or release.author)
        event = self._announce(change)
        return {"service": service, "changed": True, "did": f"{service} {running} → {version}", "change": event}

    def restart(self, service: str, author: str = "operator") -> Result:
        """Replace the processes of a service, or end the maintenance of a database."""
        if service not in self._shop.names:
            return self._restart_database(service)
        version = self._fleet.version(service)
        self._fleet.replace(service, version, len(self._fleet.instances[service]))
        event = self._announce(Change(service, "restart", version, version, f"restart of {service}", author))
        return {"service": service, "changed": True, "did": f"{service} restarted on {version}", "change": event}

    def _restart_database(self, name: str) -> Result:
        self._shop.slots_of(name)  # complains about a name that is neither a service nor a database
        ended = evict(self._folder, name)
        return {"service": name, "changed": bool(ended), "did": f"ended on {name}: {', '.join(ended) or 'nothing'}"}

    def configure(self, service: str, settings: Result, author: str, summary: str) -> Result:
        """Put a changed configuration of a service in force."""
        self._shop.service(service)
        current = read_configuration(self._folder, service)
        changed: Configuration = replace(current, **settings)
        newest = max(int(path.suffixes[-2][2:]) for path in self._revisions(service))
        return self._put_in_force(service, replace(changed, revision=newest + 1, last_good=current.revision), author, summary)

    def restore(self, service: str, author: str = "operator") -> Result:
        """Return a service to the configuration that ran before the last change."""
        self._shop.service(service)
        current = read_configuration(self._folder, service)
        if current.last_good == current.revision:
            did = f"{service} already runs its last good configuration, r{current.revision}"
            return {"service": service, "changed": False, "did": did}
        good = read_revision(self._folder, service, current.last_good)
        restored = replace(good, last_good=good.revision)
        return self._put_in_force(service, restored, author, f"restore configuration r{good.revision} of {service}")

    def _revisions(self, service: str) -> list[Path]:
        return list(self._folder.configuration(service).parent.glob(f"{service}.r*.json"))

    def _put_in_force(self, service: str, configuration: Configuration, author: str, summary: str) -> Result:
        write_configuration(self._folder, service, configuration)
        until = time.monotonic() + CONFIRM_WITHIN_S
        while not all(self._runs_revision(found, configuration.revision) for found in self._fleet.instances[service]):
            if time.monotonic() > until:
                raise OperationFailed(f"{service} has not taken up configuration r{configuration.revision}")
            time.sleep(0.1)
        version = self._fleet.version(service)
        event = self._announce(Change(service, "config", version, version, summary, author))
        did = f"{service} runs configuration r{configuration.revision}"
        return {"service": service, "changed": True, "did": did, "revision": configuration.revision, "change": event}

    @staticmethod
    def _runs_revision(instance: Instance, revision: int) -> bool:
        health = instance.health()
        return health is not None and health["revision"] == revision

    def scale(self, service: str, count: int, author: str = "operator") -> Result:
        """Run `count` instances of a service."""
        self._shop.service(service)
        if not 1 <= count <= 8:
            raise OperationFailed(f"{service}: expected 1 to 8 instances, found {count}")
        before = len(self._fleet.instances[service])
        if before == count:
            return {"service": service, "changed": False, "did": f"{service} already runs {count} instances"}
        self._fleet.resize(service, count)
        version = self._fleet.version(service)
        summary = f"scale {service} from {before} to {count}"
        event = self._announce(Change(service, "scale", version, version, summary, author))
        return {"service": service, "changed": True, "did": f"{service} scaled {before} → {count}", "change": event}

    def clean(self, service: str) -> Result:
        """End the strangers in a service's place and its databases', and remove the files that are not its own."""
        ended = [name for slot in self._shop.slots_of(service) for name in evict(self._folder, slot)]
        for instance in self._fleet.instances.get(service, []):
            wake(instance.process.pid)
        removed = []
        for path in self._folder.data(service).glob("*"):
            if path.suffix in (".hprof", ".dump", ".tmp"):
                removed.append(f"{path.name} ({path.stat().st_size / 2**20:.1f} MiB)")
                path.unlink()
        did = f"ended: {', '.join(ended) or 'nothing'}; removed: {', '.join(removed) or 'nothing'}"
        return {"service": service, "changed": bool(ended or removed), "did": did}

    def status(self, service: str = "") -> Result:
        """What runs, and whether it answers."""
        names = [service] if service else list(self._shop.names)
        return {"shop": self._shop.name, "services": [self._status_of(self._shop.service(name).name) for name in names]}

    def _status_of(self, service: str) -> Result:
        known = versions(self._folder, service)
        return {
            "service": service,
            "version": self._fleet.version(service),
            "versions": known,
            "revision": read_configuration(self._folder, service).revision,
            "replicas": len(self._fleet.instances[service]),
            "healthy": self._is_healthy(service),
            "instances": [
                {"instance": found.name, "pid": found.process.pid, "port": found.port, "state": self._state(found)}
                for found in self._fleet.instances[service]
            ],
        }

    def _state(self, instance: Instance) -> str:
        if instance.is_alive:
            return "running" if instance.health() else "not answering"
        return "given up" if self._fleet.is_given_up(instance) else "restarting"

    def _is_healthy(self, service: str) -> bool:
        return all(instance.is_alive and instance.health() for instance in self._fleet.instances[service])

    def _announce(self, change: Change) -> Result:
        return self._announcer.announce(replace(change, environment=self._shop.environment))


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
