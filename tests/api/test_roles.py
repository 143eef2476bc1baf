"""No route is open by accident: each is asked by nobody, by too low a role, and by the right one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from litestar.routes import HTTPRoute
from tests.api.conftest import Client
from tests.api.fake_platform import FakePlatform

from mainstay.api.application import api
from mainstay.domain.users import ROLES

OPEN = {("GET", "/healthz"), ("GET", "/readyz"), ("POST", "/api/v1/session")}


def routes(directory: Path) -> list[tuple[str, str, str]]:
    """Method, path and stated role of everything that the application answers."""
    fake = FakePlatform(directory)
    found = [
        (method, route.path, str(handler.opt.get("role")))
        for route in api(fake).routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods
    ]
    fake.control.close()
    return sorted(found)


def concrete(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "1", path)


def test_every_route_states_its_role(tmp_path: Path) -> None:
    stated = routes(tmp_path)
    assert len(stated) > 40
    unstated = [(method, path) for method, path, role in stated if role == "None" and method != "OPTIONS"]
    assert unstated == []
    assert {(method, path) for method, path, role in stated if role == "anyone"} == OPEN


def test_without_a_token_every_route_says_401(tmp_path: Path, clients: dict[str, Client]) -> None:
    (tmp_path / "r").mkdir()
    for method, path, role in routes(tmp_path / "r"):
        if role != "anyone":
            answer = clients["nobody"].ask(method, concrete(path))
            assert answer.status_code == 401, (method, path, answer.text)
            assert answer.json()["error"] == "unauthorized"
            assert answer.headers["www-authenticate"].startswith("Bearer")


def test_with_too_low_a_role_every_route_says_403(tmp_path: Path, clients: dict[str, Client]) -> None:
    (tmp_path / "r").mkdir()
    seen = 0
    for method, path, role in routes(tmp_path / "r"):
        for lower in ROLES[: ROLES.index(role)] if role in ROLES else ():  # type: ignore[arg-type]
            answer = clients[lower].ask(method, concrete(path))
            assert (answer.status_code, answer.json()["error"]) == (403, "forbidden"), (method, path, lower)
            assert role in answer.json()["detail"]
            seen += 1
    assert seen > 20


def test_with_the_right_role_no_route_says_401_or_403(tmp_path: Path, clients: dict[str, Client]) -> None:
    (tmp_path / "r").mkdir()
    for method, path, role in routes(tmp_path / "r"):
        if role in ROLES and not path.endswith("/stream"):
            answer = clients[role].ask(method, concrete(path))
            assert answer.status_code not in {401, 403, 500}, (method, path, answer.text)


def test_an_ingest_token_opens_metrics_and_nothing_else(tmp_path: Path, clients: dict[str, Client]) -> None:
    (tmp_path / "r").mkdir()
    for method, path, role in routes(tmp_path / "r"):
        if role == "metrics":
            assert clients["sender"].ask(method, path).status_code == 200
            assert clients["viewer"].ask(method, path).status_code == 200
        elif role != "anyone":
            assert clients["sender"].ask(method, concrete(path)).status_code in {401, 429}, path


def test_who_is_disabled_revoked_or_expired_is_nobody(platform: FakePlatform, clients: dict[str, Client]) -> None:
    people = platform.control.people
    viewer = clients["viewer"]
    people.save_user("viewer", "viewer", by="t", disabled=True)
    assert viewer.ask("GET", "/api/v1/status").status_code == 401
    people.save_user("viewer", "viewer", by="t")
    assert viewer.ask("GET", "/api/v1/status").status_code == 200
    token, secret = people.issue("user", "viewer", by="t", expires_ms=platform.clock.at_ms + 1000)
    short = Client(viewer._app, secret)
    assert short.ask("GET", "/api/v1/status").status_code == 200
    platform.clock.at_ms += 1000
    assert short.ask("GET", "/api/v1/status").status_code == 401
    mine = next(t for t in people.tokens() if t.user == "viewer" and t.id != token.id)
    assert people.revoke(mine.id, by="t")
    assert viewer.ask("GET", "/api/v1/status").status_code == 401


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic bXN1XzE6", "bearer msu_x", "msu_x", "Bearer \x00"])
def test_what_is_no_token_is_refused(clients: dict[str, Client], header: str) -> None:
    answer: Any = clients["nobody"].ask("GET", "/api/v1/status", headers={"Authorization": header})
    assert answer.status_code == 401
