"""All processes of the shop: started, replaced without a gap, watched, restarted when they crash."""

from __future__ import annotations

import itertools
import random
import time
from contextlib import suppress

from mainstay.lab.folder import Folder, write_json
from mainstay.lab.operate.instance import Instance, OperationFailed
from mainstay.lab.shop import Shop

DRAIN_S = 0.5  # between taking an instance's address away and stopping it
CRASHES_BEFORE_GIVING_UP = 4  # as systemd's StartLimitBurst
CRASH_WINDOW_S = 25.0
RESTART_AFTER_S = 0.6
MEMORY_EVERY_S = 1.0


class Fleet:
    """The instances of every service. Used by the supervisor's main thread alone.

    A crashed process is started again; one that crashes too often is given up and stays down until an operator
    acts. A process above its memory limit is killed, as a container would be.
    """

    def __init__(self, folder: Folder, shop: Shop, seed: str) -> None:
        self._folder = folder
        self._shop = shop
        self._draw = random.Random(seed)
        self._memory_checked_at = 0.0
        self._ports: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self.instances: dict[str, list[Instance]] = {name: [] for name in shop.names}

    def open(self, versions: dict[str, str]) -> None:
        """Start the whole shop at once."""
        for service in self._shop.services:
            for _ in range(service.replicas):
                self.instances[service.name].append(self._launch(service.name, versions[service.name]))
        for instance in self._all():
            instance.wait_ready()
        self._publish()

    def close(self) -> None:
        for instance in self._all():
            if instance.is_alive:
                instance.process.terminate()
        for instance in self._all():
            instance.stop()

    def version(self, service: str) -> str:
        return self.instances[service][0].version

    def replace(self, service: str, version: str, count: int) -> None:
        """Put `count` fresh instances of a version in the place of those that run; on failure nothing changes."""
        fresh = [self._launch(service, version) for _ in range(count)]
        try:
            for instance in fresh:
                instance.wait_ready()
        except OperationFailed:
            for instance in fresh:
                instance.stop()
            raise
        old, self.instances[service] = self.instances[service], fresh
        self._publish()
        time.sleep(DRAIN_S)
        for instance in old:
            instance.stop()

    def resize(self, service: str, count: int) -> None:
        """Run `count` instances; those that run stay."""
        running = self.instances[service]
        fresh = [self._launch(service, self.version(service)) for _ in range(count - len(running))]
        for instance in fresh:
            instance.wait_ready()
        leaving, self.instances[service] = running[count:], running[:count] + fresh
        self._publish()
        for instance in leaving:
            instance.stop()

    def watch(self) -> None:
        """Kill what has outgrown its memory, start again what has died."""
        now = time.monotonic()
        if now - self._memory_checked_at > MEMORY_EVERY_S:
            self._memory_checked_at = now
            for instance in self._all():
                limit = self._shop.service(instance.service).memory_limit_mb * 2**20
                if instance.is_alive and instance.memory_bytes() > limit:
                    instance.kill()
        for instance in self._all():
            if not instance.is_alive:
                self._revive(instance, now)

    def is_given_up(self, instance: Instance) -> bool:
        return len(instance.crashes) >= CRASHES_BEFORE_GIVING_UP

    def _revive(self, dead: Instance, now: float) -> None:
        if not dead.died_at:
            dead.died_at = now
            dead.crashes = [at for at in dead.crashes if now - at < CRASH_WINDOW_S] + [now]
        if self.is_given_up(dead) or now - dead.died_at < RESTART_AFTER_S:
            return
        fresh = Instance.launch(self._folder, dead.service, dead.name, dead.version, dead.port)
        fresh.crashes = dead.crashes
        self.instances[dead.service][self.instances[dead.service].index(dead)] = fresh
        with suppress(OperationFailed):  # dead again at once: the next round counts it
            fresh.wait_ready()
        self._publish()

    def _launch(self, service: str, version: str) -> Instance:
        name = f"{service}-{self._draw.randrange(16**4):04x}{next(self._numbers)}"
        return Instance.launch(self._folder, service, name, version)

    def _all(self) -> list[Instance]:
        return [instance for instances in self.instances.values() for instance in instances]

    def _publish(self) -> None:
        write_json(
            self._folder.endpoints,
            {
                name: [{"address": f"127.0.0.1:{found.port}", "pid": found.process.pid} for found in instances]
                for name, instances in self.instances.items()
            },
        )
