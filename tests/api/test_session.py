"""Signing in at the console, writes that another site tries, and guesses."""

from __future__ import annotations

from typing import Any

import httpx
from tests.api.conftest import Client
from tests.api.fake_platform import FakePlatform

from mainstay.api.gate import _ADDRESSES, COOKIE, FAILURES, WINDOW_MS, Failures
from mainstay.store.people import SESSION_MS

WRITE = {"X-Mainstay": "1"}


def sign_in(client: Client, token: str, **headers: str) -> httpx.Response:
    return client.ask("POST", "/api/v1/session", json={"token": token}, headers=headers)


def signed_in(app: Any, platform: FakePlatform, user: str) -> Client:
    browser = Client(app)
    answer = sign_in(browser, platform.control.people.issue("user", user, by="t")[1])
    assert answer.status_code == 201, answer.text
    browser.cookies = {COOKIE: answer.cookies[COOKIE]}
    return browser


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(platform: FakePlatform, clients: Any) -> None:
    secret = platform.control.people.issue("user", "viewer", by="t")[1]
    answer = sign_in(clients["nobody"], secret)
    cookie = answer.headers["set-cookie"]
    assert answer.json()["user"]["name"] == "viewer"
    assert secret not in cookie
    for part in ("HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={SESSION_MS // 1000}"):
        assert part.lower() in cookie.lower()


def test_who_am_i_and_signing_out(app: Any, platform: FakePlatform, clients: Any) -> None:
    browser = signed_in(app, platform, "responder")
    assert browser.get("session")["user"]["role"] == "responder"
    gone = browser.ask("DELETE", "/api/v1/session", headers=WRITE)
    assert gone.status_code == 204
    assert 'mainstay_session=""' in gone.headers["set-cookie"] or "Max-Age=0" in gone.headers["set-cookie"]
    assert browser.ask("GET", "/api/v1/session").status_code == 401
    # a token in a header is not ended by signing out
    assert clients["viewer"].ask("DELETE", "/api/v1/session").status_code == 204
    assert clients["viewer"].get("session")["user"]["name"] == "viewer"


def test_a_write_with_the_cookie_needs_the_header(app: Any, platform: FakePlatform, clients: Any) -> None:
    browser = signed_in(app, platform, "responder")
    path = "/api/v1/incidents/INC-1/acknowledge"
    refused = browser.ask("POST", path)
    assert (refused.status_code, "X-Mainstay" in refused.json()["detail"]) == (403, True)
    assert browser.ask("POST", path, headers={"X-Mainstay": "0"}).status_code == 403
    assert platform.told == []
    assert browser.ask("POST", path, headers=WRITE).status_code == 202
    assert clients["responder"].ask("POST", path).status_code == 202  # no cookie, no browser


def test_no_write_comes_from_another_origin(app: Any, platform: FakePlatform, clients: Any) -> None:
    browser = signed_in(app, platform, "responder")
    path = "/api/v1/incidents/INC-1/acknowledge"
    for origin in ("http://evil.example", "null", "http://127.0.0.1:9999", "http://127.0.0.1:8080.evil.example"):
        assert browser.ask("POST", path, headers={**WRITE, "Origin": origin}).status_code == 403
        assert clients["responder"].ask("POST", path, headers={"Origin": origin}).status_code == 403
        assert sign_in(clients["nobody"], "msu_x", Origin=origin).status_code == 403
    assert browser.ask("POST", path, headers={**WRITE, "Origin": "http://127.0.0.1:8080"}).status_code == 202
    assert len(platform.told) == 1


def test_guesses_are_not_even_looked_at_after_ten(app: Any, platform: FakePlatform, clients: Any) -> None:
    right = platform.control.people.issue("user", "viewer", by="t")[1]
    for _ in range(FAILURES):
        assert sign_in(clients["nobody"], "msu_wrong").status_code == 401
    refused = sign_in(clients["nobody"], right)
    assert (refused.status_code, refused.json()["error"]) == (429, "too_many_failures")
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    # a right token in a header still passes: a neighbour's wrong one must not lock everybody out
    assert Client(app, right).get("session")["user"]["name"] == "viewer"
    assert Client(app, "msu_wrong").ask("GET", "/api/v1/status").status_code == 429
    platform.clock.at_ms += WINDOW_MS + 1
    assert sign_in(clients["nobody"], right).status_code == 201


def test_asking_without_a_token_is_no_guess(clients: Any) -> None:
    for _ in range(FAILURES * 2):
        assert clients["nobody"].ask("GET", "/api/v1/status").status_code == 401


def test_failures_of_many_addresses_take_bounded_memory(platform: FakePlatform) -> None:
    failures = Failures(platform.clock)
    for number in range(_ADDRESSES * 3):
        for _ in range(FAILURES * 2):
            failures.add(f"10.0.0.{number}")
    assert len(failures) == _ADDRESSES
    assert max(len(times) for times in failures._of.values()) == FAILURES


def test_an_ingest_token_cannot_sign_in(platform: FakePlatform, clients: Any) -> None:
    secret = platform.control.people.issue("ingest", "admin", by="t")[1]
    assert sign_in(clients["nobody"], secret).status_code == 401


def test_admin_makes_users_and_tokens(app: Any, admin: Client, platform: FakePlatform) -> None:
    made = admin.post("users", {"name": "grace", "role": "approver"}, 201)
    assert (made["name"], made["role"], made["disabled"]) == ("grace", "approver", False)
    issued = admin.post("tokens", {"kind": "user", "user": "grace"}, 201)
    grace = Client(app, issued["token"])
    assert grace.get("session")["user"]["name"] == "grace"
    assert issued["token"] not in str(admin.get("tokens"))
    assert admin.ask("DELETE", f"/api/v1/tokens/{issued['id']}").status_code == 204
    assert admin.ask("DELETE", f"/api/v1/tokens/{issued['id']}").status_code == 404
    assert grace.ask("GET", "/api/v1/session").status_code == 401
    sender = admin.post("tokens", {"kind": "ingest", "name": "lab"}, 201)
    assert platform.control.people.sender(sender["token"]) == "default"
    assert sender["user"] == "admin"
    for body in ({"kind": "session"}, {"kind": "user", "user": "nobody"}, {"kind": "user", "extra": 1}, {}):
        assert admin.ask("POST", "/api/v1/tokens", json=body).status_code in {400, 404}
    last = admin.ask("POST", "/api/v1/users", json={"name": "admin", "role": "viewer"})
    assert (last.status_code, "last admin" in last.json()["detail"]) == (403, True)
    entry = platform.control.ledger_page(limit=1)[0]
    assert (entry.actor, entry.kind, entry.output["kind"]) == ("user:admin", "user", "ingest")
