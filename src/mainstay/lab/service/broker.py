"""The queue: messages kept in a SQLite file until a consumer has confirmed them, behind HTTP."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from mainstay.lab.shop.model import Queue
from mainstay.lab.signals.meters import Meters

LEASE_S = 8.0  # a message that was taken and not confirmed is handed out again
WAIT_S = 1.0
LOOK_EVERY_S = 0.1


class Broker:
    """Holds the queues of one service: `POST /queues/Q`, `POST /queues/Q/leases`, `DELETE /queues/Q/ID`."""

    def __init__(
        self, directory: Path, queues: tuple[Queue, ...], lease_s: float = LEASE_S, wait_s: float = WAIT_S
    ) -> None:
        self._lease_s = lease_s
        self._wait_s = wait_s
        self._queues = {queue.name: queue for queue in queues}
        self._lock = threading.Lock()
        directory.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(directory / "queues.db", check_same_thread=False, isolation_level=None)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=NORMAL")
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS messages"
            " (id INTEGER PRIMARY KEY, queue TEXT, body TEXT, published_at REAL, leased_until REAL DEFAULT 0)"
        )

    def close(self) -> None:
        self._file.close()

    def watch(self, meters: Meters) -> None:
        """Report depth and age of every queue."""
        for name, queue in self._queues.items():
            labels = {"messaging.system": "shopmq", "messaging.destination.name": name}
            limit = float(queue.max_depth)
            meters.gauge("messaging.queue.depth", "{message}", lambda name=name: float(self.depth(name)), labels)  # type: ignore[misc]
            meters.gauge("messaging.queue.limit", "{message}", lambda limit=limit: limit, labels)  # type: ignore[misc]
            meters.gauge("messaging.queue.oldest.age", "s", lambda name=name: self.oldest_s(name), labels)  # type: ignore[misc]

    def depth(self, queue: str) -> int:
        with self._lock:
            row = self._file.execute("SELECT count(*) FROM messages WHERE queue = ?", (queue,)).fetchone()
        return int(row[0])

    def oldest_s(self, queue: str) -> float:
        with self._lock:
            row = self._file.execute("SELECT min(published_at) FROM messages WHERE queue = ?", (queue,)).fetchone()
        return max(0.0, time.time() - row[0]) if row[0] else 0.0

    def is_traced(self, method: str, path: str) -> bool:
        return method == "POST" and not path.endswith("/leases")

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]] | None:
        _, kind, name, *rest = (*path.split("/"), "", "")
        if kind != "queues" or name not in self._queues:
            return None
        rest = [part for part in rest if part]
        if method == "POST" and not rest:
            return self._publish(name, body)
        if method == "POST" and rest == ["leases"]:
            return self._lease(name)
        if method == "DELETE" and len(rest) == 1 and rest[0].isdigit():
            with self._lock:
                self._file.execute("DELETE FROM messages WHERE id = ?", (int(rest[0]),))
            return 200, {}
        if method == "GET" and not rest:
            return 200, {"depth": self.depth(name), "oldest_s": round(self.oldest_s(name), 1)}
        return None

    def _publish(self, name: str, body: bytes) -> tuple[int, dict[str, Any]]:
        if self.depth(name) >= self._queues[name].max_depth:
            return 429, {"error": f"queue {name} is full"}
        with self._lock:
            statement = "INSERT INTO messages (queue, body, published_at) VALUES (?, ?, ?)"
            cursor = self._file.execute(statement, (name, body.decode(), time.time()))
        return 201, {"id": cursor.lastrowid}

    def _lease(self, name: str) -> tuple[int, dict[str, Any]]:
        until = time.monotonic() + self._wait_s
        while True:
            with self._lock:
                row = self._file.execute(
                    "UPDATE messages SET leased_until = ? WHERE id ="
                    " (SELECT id FROM messages WHERE queue = ? AND leased_until < ? ORDER BY id LIMIT 1)"
                    " RETURNING id, body",
                    (time.time() + self._lease_s, name, time.time()),
                ).fetchall()
            if row:
                return 200, {"id": row[0][0], "message": json.loads(row[0][1])}
            if time.monotonic() > until:
                return 200, {}
            time.sleep(LOOK_EVERY_S)
