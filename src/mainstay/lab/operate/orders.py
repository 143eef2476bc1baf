"""What the supervisor can be asked to do. Every order returns what it did, and whether that `changed` anything."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from mainstay.lab.folder import Folder
from mainstay.lab.operate.changes import Announcer, Change
from mainstay.lab.operate.fleet import Fleet
from mainstay.lab.operate.instance import Instance, OperationFailed
from mainstay.lab.shop import Shop
from mainstay.lab.shop.release import (
    Configuration,
    Release,
    read_configuration,
    read_revision,
    versions,
    write_configuration,
)
from mainstay.lab.slots import evict, strangers, wake

CONFIRM_WITHIN_S = 5.0
FOREIGN_SUFFIXES = (".hprof", ".dump", ".core", ".tmp")  # files that no service of a shop writes
MOST_INSTANCES = 8
Result = dict[str, Any]


class Orders:
    """Carries out the orders of operators and of the deployer, and announces what changed."""

    def __init__(self, folder: Folder, shop: Shop, fleet: Fleet, announcer: Announcer) -> None:
        self._folder = folder
        self._shop = shop
        self._fleet = fleet
        self._announcer = announcer

    def carry_out(self, verb: str, details: Result) -> Result:
        """Carry out one order; OperationFailed says why it was not possible."""
        verbs: dict[str, Callable[..., Result]] = {
            "deploy": self.deploy, "restart": self.restart, "configure": self.configure, "restore": self.restore,
            "scale": self.scale, "clean": self.clean, "status": self.status, "check": self.check,
        }  # fmt: skip
        if verb not in verbs:
            raise OperationFailed(f"unknown verb {verb!r}; there are: {', '.join(verbs)}")
        return verbs[verb](**details)

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
        numbered = replace(changed, revision=newest + 1, last_good=current.revision)
        return self._put_in_force(service, numbered, author, summary)

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
        if not 1 <= count <= MOST_INSTANCES:
            raise OperationFailed(f"{service}: expected 1 to {MOST_INSTANCES} instances, found {count}")
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
        for path in self._foreign(service):
            removed.append(f"{path.name} ({path.stat().st_size / 2**20:.1f} MiB)")
            path.unlink()
        did = f"ended: {', '.join(ended) or 'nothing'}; removed: {', '.join(removed) or 'nothing'}"
        return {"service": service, "changed": bool(ended or removed), "did": did}

    def check(
        self, service: str, version: str = "", replicas: int = 0, *, last_good: bool = False, clean: bool = False
    ) -> Result:
        """Whether a service is as asked; an operator whose order was cut off looks before they give it again."""
        found: list[str] = []
        if version and (self._fleet.version(service) != version or not self._is_healthy(service)):
            found.append(f"{service} runs {self._fleet.version(service)}, not a healthy {version}")
        if replicas and len(self._fleet.instances[service]) != replicas:
            found.append(f"{service} runs {len(self._fleet.instances[service])} instances, not {replicas}")
        if last_good:
            current = read_configuration(self._folder, service)
            is_good = current.last_good == current.revision
            found += [] if is_good else [f"{service} runs r{current.revision}, its last good is r{current.last_good}"]
        if clean:
            shared = [
                process.name() for slot in self._shop.slots_of(service) for process in strangers(self._folder, slot)
            ]
            foreign = [path.name for path in self._foreign(service)]
            found += [f"in its place: {', '.join([*shared, *foreign])}"] if shared or foreign else []
        return {"service": service, "holds": not found, "found": "; ".join(found)}

    def _foreign(self, service: str) -> list[Path]:
        return [path for path in self._folder.data(service).glob("*") if path.suffix in FOREIGN_SUFFIXES]

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
