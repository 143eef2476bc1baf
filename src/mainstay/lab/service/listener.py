"""The listening socket of a service."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mainstay.lab.service.door import Door


class Listener(ThreadingHTTPServer):
    """Listens on loopback for one door."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, door: Door) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.door = door
        door.port = self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hung up is nobody's error."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Listener

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        carried = {name.lower(): value for name, value in self.headers.items()}
        status, answer = self.server.door.answer(self.command, self.path, carried, body)
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - the names the base class looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name the base class gives it
        """Nothing: the journal tells what matters."""
