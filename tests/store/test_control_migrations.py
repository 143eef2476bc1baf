"""A store of any earlier format becomes one of today's, with what was in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from tests.store import control_samples as some
from tests.store.control_samples import FixedClock

from mainstay.domain.errors import Refused
from mainstay.store import database
from mainstay.store.control import Control
from mainstay.store.schema import FORMAT_VERSION, metadata


def at_revision(path: Path, revision: str) -> database.Database:
    """A database as the Mainstay of that format left it."""
    bare = database.Database.__new__(database.Database)
    bare.url = database._url(path)
    bare.engine = database._engine(bare.url)
    import threading

    bare._lock = threading.RLock()
    with bare.writing() as connection:
        database.migrate(connection, revision)
    return bare


def tables(db: database.Database) -> set[str]:
    with db.reading() as connection:
        rows = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {row[0] for row in rows}


def test_an_empty_folder_gets_the_schema_that_the_code_describes(tmp_path: Path) -> None:
    control = Control(tmp_path / "c.sqlite", FixedClock())
    with control.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)
    assert differences == []
    assert set(metadata.tables) == tables(control.database) - {"alembic_version"}
    control.close()


def test_from_revision_1_with_what_was_in_it(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    old = at_revision(path, "0001")
    assert "users" not in tables(old)
    from mainstay.store import documents as doc
    from mainstay.store.transaction import Transaction

    with old.writing() as connection:
        write = Transaction(connection, "default")
        write.save(doc.INCIDENT, [some.incident()])
        write.append([some.entry(1, inputs=None), some.entry(2, inputs=None)])
        connection.exec_driver_sql("INSERT INTO frozen (tenant, digest, body) VALUES ('default', 'ab', x'00')")
        write.set_meta("decided_seq", "9")
    old.close()
    control = Control(path, FixedClock())
    assert control.incident("INC-1") == some.incident()
    assert control.decided_seq == 9
    assert control.verify_ledger().count == 2
    with control.database.reading() as connection:
        kept_ms = connection.exec_driver_sql("SELECT at_ms FROM frozen").scalar()
    assert kept_ms == some.entry(2).at_ms, "nobody knows how old it is: it stays as long as the newest"
    control.people.save_user("ada", "admin", by="t")
    control.close()


def test_the_last_migration_is_the_format_that_the_code_knows(tmp_path: Path) -> None:
    control = Control(tmp_path / "c.sqlite", FixedClock())
    with control.database.reading() as connection:
        assert database._format_of(connection) == FORMAT_VERSION
    versions = Path(database.__file__).parent / "migrations" / "versions"
    assert len(list(versions.glob("r[0-9]*.py"))) == FORMAT_VERSION
    control.close()


def test_a_migration_that_fails_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    old = at_revision(path, "0001")
    with old.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE tokens (x)")  # in the way of the second one
    old.close()
    with pytest.raises(Exception, match="tokens already exists"):
        Control(path, FixedClock())
    again = at_revision(path, "0001")
    assert "users" not in tables(again)
    again.close()


def test_a_store_of_a_newer_mainstay_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    control = Control(path, FixedClock())
    with control.database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0099'")
    control.close()
    with pytest.raises(Refused, match="format 99"):
        Control(path, FixedClock())


def test_opening_a_store_of_today_does_not_need_alembic(tmp_path: Path) -> None:
    import os
    import subprocess
    import sys

    Control(tmp_path / "c.sqlite", FixedClock()).close()
    code = (
        "import sys; from mainstay.store.control import Control; from tests.store.control_samples import FixedClock;"
        f"Control({str(tmp_path / 'c.sqlite')!r}, FixedClock()).close(); print('alembic' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
