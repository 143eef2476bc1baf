"""A real Chromium, driven over its DevTools protocol: started by the test, stopped by its process id."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import websocket

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--remote-debugging-port=0", "--remote-allow-origins=*",
    "--hide-scrollbars", "--disable-features=BackForwardCache", "--force-color-profile=srgb", "--disable-dev-shm-usage",
)  # fmt: skip
NAMED_KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, "")}


class Page:
    """One tab. Console errors, exceptions and policy violations of the page gather in `problems`."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=20)
        self._number = 0
        self.problems: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == self._number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                result: dict[str, Any] = message["result"]
                return result
            self._notice(message)

    def _notice(self, message: dict[str, Any]) -> None:
        method, said = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = said["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning", "assert"):
            self.problems.append(" ".join(str(a.get("value", a.get("description"))) for a in said["args"]))
        elif method == "Log.entryAdded" and said["entry"]["level"] == "error":
            self.problems.append(f"{said['entry']['text']} {said['entry'].get('url', '')}")

    def js(self, expression: str) -> Any:
        """The value of an expression in the page; promises are awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", expression))
        return answer["result"].get("value")

    def view(self, width: int, height: int = 800, *, dark: bool = False) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        wanted = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
        self.call("Emulation.setEmulatedMedia", features=[{"name": k, "value": v} for k, v in wanted.items()])

    def open(self, url: str, until: str) -> None:
        """Load an address from nothing and wait for what must be there."""
        self.call("Page.navigate", url="about:blank")
        self.wait(lambda: self.js("location.href") == "about:blank")
        self.problems.clear()
        self.call("Page.navigate", url=url)
        self.shows(until)

    def shows(self, text: str) -> None:
        """Wait until the page shows this text."""
        self.until(f"document.body?.innerText.toLowerCase().includes({json.dumps(text.lower())})")

    def visit(self, path: str) -> None:
        """Go to a page of the open console and wait until it is drawn."""
        drawn = "new Promise(done => setTimeout(() => requestAnimationFrame(done), 30))"
        self.js(f"location.hash = {json.dumps('#/' + path)}; {drawn}")
        self.until("document.querySelector('main :is(h1, .failure)') && !document.querySelector('.loading')")

    def until(self, expression: str) -> None:
        self.wait(lambda: bool(self.js(f"!!({expression})")), expression)

    def wait(self, true: Callable[[], bool], what: str = "") -> None:
        for _ in range(400):
            try:
                if true():
                    return
            except RuntimeError:  # a page between two documents has no context to ask
                pass
            time.sleep(0.025)
        seen = self.js("location.href + ' | ' + document.body?.innerText.replace(/\\s+/g, ' ').slice(0, 600)")
        raise AssertionError(f"never became true: {what}; problems: {self.problems}; the page shows: {seen}")

    def key(self, key: str, modifiers: int = 0) -> None:
        code, text = NAMED_KEYS.get(key) or (ord(key.upper()), key)
        common = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def keys(self, *keys: str) -> None:
        for key in keys:
            self.key(key)

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def shot(self, path: Path, *, full: bool = False) -> None:
        """A PNG of what is seen, or of the whole page."""
        clip = {}
        if full:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            clip = {
                "clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1},
                "captureBeyondViewport": True,
            }
        answer = self.call("Page.captureScreenshot", format="png", **clip)
        path.write_bytes(base64.b64decode(answer["data"]))

    def close(self) -> None:
        self._socket.close()


@contextmanager
def chromium() -> Iterator[Page]:
    """A browser with a fresh profile and one tab."""
    assert CHROMIUM
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            page = Page(_tab(Path(profile) / "DevToolsActivePort"))
            try:
                yield page
            finally:
                page.close()
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # its own session: the browser and its children, nobody else
            process.wait()


def _tab(port_file: Path) -> str:
    for _ in range(400):
        if port_file.exists() and port_file.read_text().count("\n"):
            port = port_file.read_text().split("\n")[0]
            with urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
                tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
            if tabs:
                return str(tabs[0]["webSocketDebuggerUrl"])
        time.sleep(0.05)
    raise AssertionError("Chromium did not open its DevTools port within 20 s")
