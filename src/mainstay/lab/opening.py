"""Before a shop opens: its folder, first releases, configurations, database rows and archives."""

from __future__ import annotations

import hashlib
import random
import shutil
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from mainstay.lab.folder import Folder, write_json
from mainstay.lab.scoring.applicants import GOOD
from mainstay.lab.scoring.onnx import require_runtime, write_model
from mainstay.lab.shop import Shop, read_shop
from mainstay.lab.shop.file import resolve
from mainstay.lab.shop.release import Configuration, Release, write_configuration
from mainstay.lab.shop.topology import height

TIMEOUT_MS = 500  # of a call to a service that calls nobody …
TIMEOUT_MS_PER_LEVEL = 700  # … and more for every level below, so that the deepest call gives up first
ROWS = 500
ARCHIVE_SHARE = 0.3  # of a quota: what has gathered in a data directory over the months


@dataclass(frozen=True)
class Destinations:
    """Where a shop reports: OTLP, change events, and the token for both. An empty address means nobody listens."""

    otlp_url: str
    changes_url: str = ""
    token: str = ""


def prepare(folder: Folder, shop_file: Path | str, destinations: Destinations, seed: int) -> Shop:
    """Lay out the folder of a lab; what an earlier lab left in it is removed."""
    shop = read_shop(shop_file)
    if any(service.serves for service in shop.services):
        require_runtime(shop.name)
    if folder.root.exists():
        _remove_remains(folder)
    folder.root.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(resolve(shop_file), folder.shop)
    if destinations.token:
        folder.token.touch(mode=0o600)
        folder.token.write_text(destinations.token, encoding="utf-8")
    # a digest: whoever reads this folder cannot tell from it which faults the same seed draws
    noise_seed = hashlib.sha256(f"noise {seed}".encode()).hexdigest()[:16]
    write_json(
        folder.settings,
        {"otlp_url": destinations.otlp_url, "changes_url": destinations.changes_url, "noise_seed": noise_seed},
    )
    _lay_out(folder, shop, random.Random(f"opening {seed}"))
    return shop


def _remove_remains(folder: Folder) -> None:
    if any(folder.root.iterdir()) and not folder.settings.exists():
        raise FileExistsError(f"{folder.root}: expected an empty folder or the folder of a lab")
    for name in ("releases", "config", "data", "logs", "slots", "models"):
        shutil.rmtree(folder.root / name, ignore_errors=True)
    for path in (folder.users, folder.changes, folder.endpoints, folder.traffic, folder.control, folder.token):
        path.unlink(missing_ok=True)


def _lay_out(folder: Folder, shop: Shop, draw: random.Random) -> None:
    for database in shop.databases:
        create_database(folder.database(database.name), database.tables)
    for service in shop.services:
        first = Release(f"v{draw.randint(11, 60)}", "release-bot", "as opened")
        write_json(folder.release(service.name, first.version), asdict(first))
        timeout_ms = TIMEOUT_MS + TIMEOUT_MS_PER_LEVEL * height(shop, service.name)
        write_configuration(folder, service.name, Configuration(timeout_ms=timeout_ms))
        folder.data(service.name).mkdir(parents=True, exist_ok=True)
        archive = bytes(int(service.quota_mb * 2**20 * ARCHIVE_SHARE))
        (folder.data(service.name) / "archive.tar").write_bytes(archive)
        if service.serves:
            write_model(folder.released_model(service.name), GOOD)


def create_database(path: Path, tables: tuple[str, ...]) -> None:
    """Create a database file with its tables and a first few hundred rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in tables:
            connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, customer INTEGER, note TEXT)")
            rows = [(number % 97, f"row {number}") for number in range(ROWS)]
            statement = f"INSERT INTO {table} (customer, note) VALUES (?, ?)"  # noqa: S608 - names of the shop file
            connection.executemany(statement, rows)
