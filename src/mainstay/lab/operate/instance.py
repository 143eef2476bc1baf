"""One process of a service, as the supervisor holds it."""

from __future__ import annotations

import http.client
import json
import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

import psutil

from mainstay.lab.folder import Folder

READY_WITHIN_S = 20.0
STOP_WITHIN_S = 2.0
HEALTH_WITHIN_S = 0.7


class OperationFailed(RuntimeError):
    """Something an operator asked for did not come about; the message says what and why."""


@dataclass
class Instance:
    """A running (or crashed) process of a service."""

    folder: Folder
    service: str
    name: str
    version: str
    process: subprocess.Popen[str]
    port: int = 0
    crashes: list[float] = field(default_factory=list)
    died_at: float = 0.0

    @classmethod
    def launch(cls, folder: Folder, service: str, name: str, version: str, port: int = 0) -> Instance:
        """Start the process; `wait_ready` says when it serves."""
        log = folder.log(service)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as stream:
            process = subprocess.Popen(
                [
                    sys.executable, "-m", "mainstay.lab.service",
                    "--lab", str(folder.root), "--service", service, "--instance", name, "--version", version,
                    "--port", str(port), "--parent", str(os.getpid()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                env={**os.environ, "MALLOC_ARENA_MAX": "2"},  # many short threads: fewer half-empty heaps
            )  # fmt: skip
        return cls(folder, service, name, version, process, port)

    def wait_ready(self) -> None:
        """Wait until it has opened its door; OperationFailed with its last words when it has not."""
        out: IO[str] | None = self.process.stdout
        assert out is not None
        readable, _, _ = select.select([out], [], [], READY_WITHIN_S)
        line = out.readline() if readable else ""
        out.close()
        if not line:
            self.stop()
            words = self.folder.log(self.service).read_text(encoding="utf-8", errors="replace").strip()
            last = words.splitlines()[-1] if words else "it said nothing"
            raise OperationFailed(f"{self.service} {self.version} did not start: {last}")
        self.port = json.loads(line)["port"]

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def memory_bytes(self) -> int:
        try:
            return int(psutil.Process(self.process.pid).memory_info().rss)
        except psutil.NoSuchProcess:
            return 0

    def health(self) -> dict[str, Any] | None:
        """What it says of itself, or None when it does not answer in time."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HEALTH_WITHIN_S)
        try:
            connection.request("GET", "/healthz")
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()
        return answer

    def stop(self) -> None:
        """End it politely, then for certain; at once when it is frozen and cannot hear the polite way."""
        if self.is_alive:
            self.process.kill() if self._is_frozen() else self.process.terminate()
            try:
                self.process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _is_frozen(self) -> bool:
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED
        return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def wait_until(condition: Any, within_s: float, complaint: str) -> None:
    """Return once `condition()` holds, or raise OperationFailed with the complaint."""
    until = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > until:
            raise OperationFailed(complaint)
        time.sleep(0.1)
