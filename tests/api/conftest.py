"""A client per role against the whole application, in memory."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Prepared:
    """A store with one of everything and a user per role, made once: migrating and syncing takes its time."""

    folder: Path
    tokens: dict[str, str]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    fake = FakePlatform(tmp_path_factory.mktemp("prepared"))
    fake.control.commit(some.effects())
    fake.control.save_version(some.version(1))
    fake.control.save_version(some.version(2))
    fake.control.save_deployment(some.deployment(1))
    people, tokens = fake.control.people, {}
    for role in ("admin", "viewer", "responder", "approver"):
        people.save_user(role, role, by="mainstay")  # type: ignore[arg-type]
        tokens[role] = people.issue("user", role, by="mainstay")[1]
    tokens["sender"] = people.issue("ingest", "admin", "lab", by="mainstay")[1]
    fake.control.close()
    return Prepared(fake.directory, tokens)


@pytest.fixture
def platform(prepared: Prepared, tmp_path: Path) -> Iterator[FakePlatform]:
    shutil.copytree(prepared.folder, tmp_path / "data")
    fake = FakePlatform(tmp_path / "data")
    yield fake
    fake.control.close()


@pytest.fixture
def app(platform: FakePlatform) -> Any:
    return create_app(platform)


@pytest.fixture
def clients(prepared: Prepared, app: Any) -> dict[str, Client]:
    """By role; `nobody` has no token, `sender` an ingest token."""
    return {"nobody": Client(app), **{name: Client(app, token) for name, token in prepared.tokens.items()}}


@pytest.fixture
def admin(clients: dict[str, Client]) -> Client:
    return clients["admin"]


@pytest.fixture
def viewer(clients: dict[str, Client]) -> Client:
    return clients["viewer"]
