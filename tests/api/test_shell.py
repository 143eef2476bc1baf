"""What every answer carries, and by which names the server may be called."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from tests.api.conftest import Client
from tests.api.fake_platform import FakePlatform

from mainstay import console
from mainstay.api import create_app
from mainstay.console.files import ConsoleFiles
from mainstay.settings import Settings

PATHS = [
    ("GET", "/"), ("GET", "/index.html"), ("HEAD", "/"), ("GET", "/icon.svg"), ("GET", "/nothing"), ("GET", "/healthz"),
    ("GET", "/api/v1/status"), ("GET", "/api/v1/nothing"), ("POST", "/api/v1/session"), ("PUT", "/api/v1/status"),
    ("POST", "/v1/metrics"), ("GET", "/api/openapi.json"), ("GET", "/metrics"), ("OPTIONS", "/api/v1/incidents"),
    ("GET", "/../../etc/passwd"), ("GET", "/%2e%2e/%2e%2e/etc/passwd"), ("POST", "/"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_every_answer_carries_the_headers(clients: dict[str, Client], method: str, path: str) -> None:
    for client in (clients["nobody"], clients["admin"]):
        answer = client.ask(method, path)
        policy = answer.headers["content-security-policy"]
        for part in (
            "default-src 'none'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:",
            "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'",
        ):  # fmt: skip
            assert part in policy
        assert "unsafe" not in policy
        assert all(source in policy for source in console.csp_hashes())
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] in {"no-store", "no-cache"}
        assert len(answer.headers.get_list("content-security-policy")) == 1
        assert "passwd" not in path or answer.status_code == 404


def test_an_error_of_ours_shows_nothing_of_our_insides(platform: FakePlatform, admin: Client) -> None:
    def broken() -> Any:
        raise RuntimeError("secret /path")

    platform.status = broken  # type: ignore[method-assign]
    answer = admin.ask("GET", "/api/v1/status")
    assert (answer.status_code, answer.json()["error"]) == (500, "internal")
    assert "secret" not in answer.text
    assert "content-security-policy" in answer.headers


def called(app: Any, host: str, server: str = "127.0.0.1") -> int:
    return Client(app, server=server).ask("GET", "/healthz", headers={"Host": host}).status_code


def test_on_the_loopback_only_our_own_names_are_answered(app: Any) -> None:
    for host in ("127.0.0.1", "localhost:8080", "LOCALHOST", "[::1]:8080", "[::1]"):
        assert called(app, host) == 200, host
    for host in ("evil.example", "evil.example:8080", "", "127.0.0.1.evil.example", "[::2]", "0.0.0.0", "localhost."):
        assert called(app, host) == 421, host
    answer = Client(app).ask("POST", "/v1/metrics", headers={"Host": "evil.example"})
    assert (answer.status_code, "allowed_hosts" in answer.json()["hint"]) == (421, True)


def test_names_that_the_operator_allowed_are_answered(tmp_path: Path) -> None:
    fake = FakePlatform(tmp_path, Settings(allowed_hosts=("Mainstay.example",)))
    app = create_app(fake)
    assert called(app, "mainstay.example:443") == 200
    assert called(app, "evil.example") == 421
    assert called(app, "evil.example", server="10.1.2.3") == 421
    assert called(app, "10.1.2.3", server="10.1.2.3") == 200
    fake.control.close()


def test_on_another_address_names_are_free_until_some_are_allowed(app: Any) -> None:
    assert called(app, "whatever.example", server="10.1.2.3") == 200
    assert called(app, "evil.example", server="127.0.0.7") == 421


def test_the_console_is_served_as_it_stands_on_disk(app: Any, clients: dict[str, Client]) -> None:
    nobody = clients["nobody"]
    page = nobody.ask("GET", "/")
    assert page.content == (console.static_directory() / "index.html").read_bytes()
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    script = nobody.ask("GET", "/js/main.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    again = nobody.ask("GET", "/js/main.js", headers={"If-None-Match": script.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = nobody.ask("HEAD", "/js/main.js")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", script.headers["etag"])
    assert nobody.ask("POST", "/").status_code in {404, 405}


def test_files_are_packed_once_and_only_what_was_there_at_the_start_is_served(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "big.js").write_text("x" * 5000)
    (tmp_path / ".secret").write_text("x")
    files = ConsoleFiles(tmp_path)
    (tmp_path / "late.js").write_text("x")
    assert [files.has(p) for p in ("/sub/big.js", "/.secret", "/late.js", "/sub", "/", "/sub/../.secret")] == [
        True, False, False, False, False, False,
    ]  # fmt: skip
    file = files._files["/sub/big.js"]
    assert gzip.decompress(file.packed or b"") == b"x" * 5000


def test_the_ingest_door_is_reached(clients: dict[str, Client]) -> None:
    assert clients["nobody"].ask("POST", "/v1/metrics").text == "taken"
