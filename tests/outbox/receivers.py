"""Real receivers on loopback: they keep what they are sent and answer as they are told."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiving:
    """A server; `status` is what it answers from now on, 0 hangs up without a word."""

    def __init__(self):
        receiving = self
        self.status = 200
        self.requests = []

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                receiving.requests.append((self.path, dict(self.headers), body))
                if receiving.status == 0:
                    self.close_connection = True
                    return
                self.send_response(receiving.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def bodies(self):
        return [json.loads(body) for _, _, body in self.requests]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Alertmanager(Receiving):
    """What an Alertmanager holds: alerts by their labels, firing until `endsAt`."""

    def firing(self, now: str):
        held = {}
        for alerts in self.bodies:
            for alert in alerts:
                held[tuple(sorted(alert["labels"].items()))] = alert
        return [alert for alert in held.values() if alert["endsAt"] > now]
