"""The supervisor's door for operators: verbs with JSON over loopback HTTP, opened by a key only the owner can read."""

from __future__ import annotations

import http.client
import json
import os
import queue
import secrets
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psutil

from mainstay.lab.folder import Folder, read_json, write_json
from mainstay.lab.operate.instance import OperationFailed

ANSWER_WITHIN_S = 60.0


@dataclass
class Order:
    """Something that the supervisor is asked to do, and the promise of its outcome."""

    verb: str
    details: dict[str, Any]
    outcome: Future[dict[str, Any]] = field(default_factory=Future)


def is_open(folder: Folder) -> bool:
    """Whether a shop runs in this folder: its supervisor is there, not just what it left behind."""
    try:
        return psutil.Process(read_json(folder.control)["pid"]).status() != psutil.STATUS_ZOMBIE
    except (FileNotFoundError, psutil.NoSuchProcess):
        return False


def ask(folder: Folder, verb: str, **details: Any) -> dict[str, Any]:
    """Have the supervisor of a lab do something, and wait until it is done. OperationFailed says why it was not."""
    if not is_open(folder):
        raise OperationFailed(f"{folder.root}: no lab is running here")
    control = read_json(folder.control)
    connection = http.client.HTTPConnection("127.0.0.1", control["port"], timeout=ANSWER_WITHIN_S)
    try:
        body = json.dumps(details)
        connection.request("POST", f"/{verb}", body, {"authorization": f"Bearer {control['key']}"})
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    except (OSError, http.client.HTTPException) as error:
        raise OperationFailed(f"{folder.root}: its supervisor does not answer ({error})") from None
    finally:
        connection.close()
    if response.status != 200:
        raise OperationFailed(answer["error"])
    return answer


class Control(ThreadingHTTPServer):
    """Hands orders to the supervisor, which takes them one at a time from `orders`."""

    daemon_threads = True

    def __init__(self, folder: Folder) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.orders: queue.Queue[Order] = queue.Queue()
        self.key = secrets.token_hex(16)
        self._file = folder.control

    def open(self) -> None:
        threading.Thread(target=self.serve_forever, daemon=True, name="control").start()
        control = {"port": self.server_address[1], "key": self.key, "pid": os.getpid()}
        write_json(self._file, control, mode=0o600)

    def close(self) -> None:
        self._file.unlink(missing_ok=True)
        self.server_close()


class _Connection(BaseHTTPRequestHandler):
    server: Control

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not secrets.compare_digest(self.headers.get("authorization", ""), f"Bearer {self.server.key}"):
            self._answer(403, {"error": "wrong key"})
            return
        order = Order(self.path.strip("/"), json.loads(body or b"{}"))
        self.server.orders.put(order)
        try:
            self._answer(200, order.outcome.result(ANSWER_WITHIN_S))
        except (OperationFailed, KeyError) as error:
            self._answer(409, {"error": str(error.args[0])})
        except TimeoutError:
            self._answer(504, {"error": f"{order.verb} was not done within {ANSWER_WITHIN_S:.0f} s"})

    def _answer(self, status: int, value: dict[str, Any]) -> None:
        payload = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name the base class gives it
        """Nothing: the orders are recorded as change events."""
