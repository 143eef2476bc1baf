"""A lab's folder: where its shop, releases, settings, data and records lie. Every process of a lab meets here."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Folder:
    """The folder of one lab. What was done to the shop, and why, is never written in it."""

    root: Path

    @property
    def shop(self) -> Path:
        return self.root / "shop.yaml"

    @property
    def settings(self) -> Path:
        """Where telemetry and change events go, and the seed of the everyday noise."""
        return self.root / "lab.json"

    @property
    def token(self) -> Path:
        return self.root / "token"

    @property
    def control(self) -> Path:
        """Where the supervisor listens: address and key, for its owner only."""
        return self.root / "control.json"

    @property
    def endpoints(self) -> Path:
        return self.root / "endpoints.json"

    @property
    def users(self) -> Path:
        """What users felt, one line a second."""
        return self.root / "users.jsonl"

    @property
    def changes(self) -> Path:
        """The change events that were announced, and what became of each."""
        return self.root / "changes.jsonl"

    @property
    def traffic(self) -> Path:
        """How busy the shop is, as a factor of its usual load."""
        return self.root / "traffic.json"

    def release(self, service: str, version: str) -> Path:
        return self.root / "releases" / service / f"{version}.json"

    def configuration(self, service: str) -> Path:
        return self.root / "config" / f"{service}.json"

    def data(self, service: str) -> Path:
        return self.root / "data" / service

    def released_model(self, service: str) -> Path:
        """The model file that was released for a service to serve."""
        return self.root / "models" / f"{service}.onnx"

    def served_model(self, service: str) -> Path:
        """The one that it serves: fetched when a process starts, read again when it changes."""
        return self.data(service) / "model.onnx"

    def database(self, name: str) -> Path:
        return self.root / "data" / f"{name}.db"

    def log(self, process: str) -> Path:
        return self.root / "logs" / f"{process}.log"

    def slot(self, name: str) -> Path:
        """The processes that share a place with a service or a database, one file named by process id each."""
        return self.root / "slots" / name


def write_json(path: Path, value: Any, mode: int = 0o644) -> None:
    """Replace a file in one step: a reader sees the old or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        json.dump(value, file)
    draft.replace(path)


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
