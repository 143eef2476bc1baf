"""Power cuts: the same kills, on a disk that keeps only what was synced."""

import os
import subprocess
import sys

import pytest
from tests.durability.course import Course
from tests.durability.disk import UnsyncedDisk

CUTS = 20


@pytest.mark.parametrize(
    ("does", "left"),
    [
        ("put('a', sync=False)", {}),
        ("put('a')", {"a": "1"}),
        ("put('a'); put('a', '2', sync=False)", {"a": "1"}),
        ("put('a'); os.rename('a', 'b')", {"a": "1"}),
        ("put('a'); os.rename('a', 'b'); folder()", {"b": "1"}),
        ("put('a'); put('b', '2'); os.rename('b', 'a')", {"a": "1", "b": "2"}),
        ("put('a'); put('b', '2'); os.rename('b', 'a'); folder()", {"a": "2"}),
        ("put('a'); os.rename('a', 'b'); put('b', '2')", {"b": "2"}),
        ("put('a'); os.unlink('a')", {"a": "1"}),
        ("put('a'); os.unlink('a'); folder()", {}),
        ("put('a'); os.unlink('a'); put('a', '2', sync=False); folder()", {"a": ""}),
        ("put('a', sync=False); folder()", {"a": ""}),
        ("os.mkdir('d'); put('d/a')", {"d/a": "1"}),
        ("os.unlink('before')", {"before": "0"}),
    ],
)
def test_the_disk_keeps_what_was_synced(tmp_path, does, left):
    data = tmp_path / "data"
    data.mkdir()
    (data / "before").write_text("0")
    disk = UnsyncedDisk(data, tmp_path)
    program = """
import os, sys
def put(name, text='1', sync=True):
    with open(name, 'w') as file:
        file.write(text); file.flush()
        if sync: os.fdatasync(file.fileno())
def folder(): os.fsync(os.open('.', os.O_RDONLY))
"""
    subprocess.run([sys.executable, "-c", program + does], cwd=data, env={**os.environ, **disk.env}, check=True)
    disk.cut()
    found = {str(path.relative_to(data)): path.read_text() for path in data.rglob("*") if path.is_file()}
    assert found == {"before": "0"} | left


@pytest.mark.slow
def test_twenty_power_cuts(tmp_path, capsys):
    folder = tmp_path / "run"
    disk = UnsyncedDisk(folder / "platform", tmp_path)
    course = Course(folder, CUTS, env=disk.env, after_kill=disk.cut)
    course.run()
    with capsys.disabled():
        print(f"\non a disk that keeps only what was synced: {course.says}")
    assert disk.lost_bytes > 0, "nothing was ever lost: the test shows nothing"
