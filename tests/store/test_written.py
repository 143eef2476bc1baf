"""A file is there whole or not at all: also when the power goes at any moment, and for its owner only."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest
from tests.store.inbox_disk import Disk

from mainstay.written import sync_folder, write_whole

SOURCES = Path(__file__).parents[2] / "src" / "mainstay"


def test_what_was_written_survives_a_disk_that_forgets_what_was_not_synced(tmp_path: Path) -> None:
    disk = Disk()
    write_whole(tmp_path / "a.json", b"one ", b"two", sync=disk.sync)
    disk.crash(tmp_path)
    assert (tmp_path / "a.json").read_bytes() == b"one two"
    assert disk.syncs == 2


@pytest.mark.parametrize("at", [1, 2])
def test_when_the_disk_fails_the_old_content_or_the_new_is_there(tmp_path: Path, at: int) -> None:
    write_whole(tmp_path / "a", b"old")
    calls: list[int] = []

    def sync(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == at:
            raise OSError("the disk does not answer")
        os.fsync(descriptor)

    with pytest.raises(OSError, match="does not answer"):
        write_whole(tmp_path / "a", b"new", sync=sync)
    assert (tmp_path / "a").read_bytes() in (b"old", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]  # no half of a file takes room
    write_whole(tmp_path / "a", b"newer")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_only_its_owner_reads_it_and_no_link_is_followed(tmp_path: Path) -> None:
    write_whole(tmp_path / "secret", b"x")
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    (tmp_path / "other.part").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic link"):
        write_whole(tmp_path / "other", b"y")
    assert (tmp_path / "secret").read_bytes() == b"x"


def test_a_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        sync_folder(tmp_path / "file")


def test_nobody_else_renames_what_he_wrote() -> None:
    """Who writes, syncs and renames by himself forgets the folder sooner or later. Blocks are written by DuckDB."""
    renames = re.compile(r"\bpart\.(replace|rename)\(|os\.(replace|rename)\(")
    found = {path.relative_to(SOURCES).as_posix() for path in SOURCES.rglob("*.py") if renames.search(path.read_text())}
    found = {name for name in found if not name.startswith("lab/")}
    assert found <= {"written.py", "serve.py", "store/backup.py", "mlops/trust/signing.py"}
