"""A client per role against the whole application, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.api.fake_platform import FakePlatform
from tests.store import control_samples as some

from mainstay.api import create_app


class Client:
    """Requests by one caller; every answer is complete when it returns."""

    def __init__(self, app: Any, token: str = "", server: str = "127.0.0.1") -> None:
        self._app, self._server = app, server
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, **rest: Any) -> httpx.Response:
        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=False)
            base = f"http://{self._server}:8080"
            async with httpx.AsyncClient(transport=transport, base_url=base, cookies=self.cookies) as client:
                headers = {**self.headers, **rest.pop("headers", {})}
                return await client.request(method, path, headers=headers, **rest)

        return asyncio.run(go())

    def get(self, path: str, **query: Any) -> Any:
        response = self.ask("GET", f"/api/v1/{path}", params=query)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        response = self.ask("POST", f"/api/v1/{path}", json=body)
        assert response.status_code == status, response.text
        return response.json()


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[FakePlatform]:
    fake = FakePlatform(tmp_path)
    fake.control.commit(some.effects())
    fake.control.save_version(some.version(1))
    fake.control.save_version(some.version(2))
    fake.control.save_deployment(some.deployment(1))
    yield fake
    fake.control.close()


@pytest.fixture
def app(platform: FakePlatform) -> Any:
    return create_app(platform)


@pytest.fixture
def clients(platform: FakePlatform, app: Any) -> dict[str, Client]:
    """By role; `nobody` has no token, `sender` an ingest token."""
    people = platform.control.people
    made = {"nobody": Client(app)}
    people.save_user("admin", "admin", by="mainstay")
    for role in ("viewer", "responder", "approver", "admin"):
        people.save_user(role, role, by="mainstay")  # type: ignore[arg-type]
        made[role] = Client(app, people.issue("user", role, by="mainstay")[1])
    made["sender"] = Client(app, people.issue("ingest", "admin", "lab", by="mainstay")[1])
    return made


@pytest.fixture
def admin(clients: dict[str, Client]) -> Client:
    return clients["admin"]


@pytest.fixture
def viewer(clients: dict[str, Client]) -> Client:
    return clients["viewer"]
