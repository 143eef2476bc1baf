"""A receiver of pages, as a team has one: what reached it, and who was behind it, without asking the platform."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Pager:
    """Takes pages on a free port of 127.0.0.1 until it is closed.

    Attributes:
        pages: Bodies by their key; one that arrives twice is one page.
    """

    def __init__(self) -> None:
        self.pages: dict[str, dict[str, Any]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _taking(self.pages))

    @property
    def url(self) -> str:
        """Where pages are to be sent."""
        return f"http://127.0.0.1:{self._server.server_port}/pages"

    def from_version(self, version: str) -> set[str]:
        """Keys of the pages that this version was behind."""
        return {key for key, page in list(self.pages.items()) if version in page.get("decided_by", ())}

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _taking(pages: dict[str, dict[str, Any]]) -> type[BaseHTTPRequestHandler]:
    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            page = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            pages[page["key"]] = page
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Taking
