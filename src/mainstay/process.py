"""The platform as a child process: for the demo, benches and tests, which use it as people do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mainstay.client import ADDRESS_FILE, Client
from mainstay.domain.errors import MainstayError

STARTS_WITHIN_S = 90.0
"""Kernels compile at the very first start when nobody ran the set-up; after that a start takes seconds."""


def end_in_order() -> None:
    """SIGTERM is obeyed as Ctrl-C is: what this process has started is stopped before it ends itself."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


class PlatformProcess:
    """`mainstay up` as a child process.

    Args:
        folder: Holds its data, its settings and its log; kept afterwards, to look at.
        settings: What differs from the defaults.
        env: Added to the environment.
    """

    def __init__(
        self, folder: Path, settings: dict[str, Any], port: int = 0, env: Mapping[str, str] | None = None
    ) -> None:
        self.folder, self._settings, self._port = folder, settings, port
        self._env = {**os.environ, **(env or {})}
        self.data = folder / "platform"
        self._process: subprocess.Popen[bytes] | None = None
        self._client: Client | None = None

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> Client:
        """Start it, wait until it answers, and come back as its admin."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "mainstay.yaml"
        config.write_text(yaml.safe_dump(self._settings))
        (self.data / ADDRESS_FILE).unlink(missing_ok=True)
        command = [sys.executable, "-m", "mainstay", "up", "--data", str(self.data), "--config", str(config)]
        with (self.folder / "platform.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  our own program with our own arguments
                [*command, "--port", str(self._port)], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self._env
            )
        return self._wait()

    def _wait(self) -> Client:
        assert self._process is not None
        until = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            if (self.data / ADDRESS_FILE).exists():
                self._client = self._client or Client(self.data)
                if self._client.is_ready():
                    return self._client
            time.sleep(0.05)
        raise MainstayError(f"the platform did not start; its log is {self.folder / 'platform.log'}")

    def stop(self) -> None:
        """Ask it to end, and wait."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._ended()

    def kill(self) -> None:
        """Kill -9: nothing is saved, nothing is said."""
        assert self._process is not None
        self._process.kill()
        self._ended()

    def _ended(self) -> None:
        if self._process is not None:
            self._process.wait()
        if self._client is not None:
            self._client.close()
            self._client = None
