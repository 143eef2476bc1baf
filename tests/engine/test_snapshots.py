"""Saved states: whole or not at all; the newest readable one counts."""

import os
import subprocess
import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.domain.errors import Corrupt
from mainstay.domain.state import Part
from mainstay.engine.snapshots import KEPT, MAGIC, NAME, Snapshots

KILLED = """
import os, pathlib, signal, sys
import mainstay.written
from mainstay.domain.state import Part
from mainstay.engine.snapshots import Snapshots

folder, pieces = pathlib.Path(sys.argv[1]), [bytes([n]) * 70_000 for n in range(4)]
Snapshots(folder).save(1, [Part("first", [b"one"])])

def until(moment):
    def step():
        step.at += 1
        if step.at == moment:
            os.kill(os.getpid(), signal.SIGKILL)
    step.at = 0
    return step

def life(step):
    def made(names):
        for piece in names:
            step()
            yield pieces[piece]
        step()
    def parts():
        for name, ours in (("a", (0, 1)), ("b", (2, 3))):
            yield Part(name, made(ours))
    def after(call):
        def called(*args, **named):
            step()
            told = call(*args, **named)
            step()
            return told
        return called
    for owner, name in ((os, "fsync"), (os, "fdopen"), (pathlib.Path, "replace"), (pathlib.Path, "unlink")):
        setattr(owner, name, after(getattr(owner, name)))
    mainstay.written.write_pieces.__defaults__ = (os.fsync,)
    Snapshots(folder).save(3, parts())

moment, status, found = 0, 1, []
while status:
    moment += 1
    child = os.fork()
    if not child:
        life(until(moment))
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    seq, state = Snapshots(folder).newest()
    whole = dict(state)
    assert whole == ({"first": b"one"} if seq == 1 else {"a": b"".join(pieces[:2]), "b": b"".join(pieces[2:])}), moment
    found.append(seq)
    (folder / f"{3:020d}.state").unlink(missing_ok=True)
print(*found)
"""


def part(name, *pieces):
    return Part(name, iter(pieces))


def newest(snapshots):
    found = snapshots.newest()
    return found and (found[0], list(found[1]))


def test_the_newest_state_comes_back(tmp_path):
    snapshots = Snapshots(tmp_path / "state")
    assert newest(snapshots) is None
    assert snapshots.oldest_seq() == 0
    snapshots.save(7, [part("a", b"seven")])
    snapshots.save(12, [part("a", b"twe", bytearray(b"lv"), memoryview(b"e")), part("b"), part("a/b|c", b"")])
    assert newest(Snapshots(tmp_path / "state")) == (12, [("a", b"twelve"), ("b", b""), ("a/b|c", b"")])


@given(states=st.lists(st.tuples(st.text(max_size=8), st.lists(st.binary(max_size=40), max_size=4)), max_size=5))
def test_any_parts_come_back(tmp_path_factory, states):
    snapshots = Snapshots(tmp_path_factory.mktemp("state"))
    snapshots.save(1, [part(name, *pieces) for name, pieces in states])
    assert newest(snapshots) == (1, [(name, b"".join(pieces)) for name, pieces in states])


def test_a_few_are_kept_and_the_inbox_must_reach_back_to_the_oldest(tmp_path):
    snapshots = Snapshots(tmp_path)
    for seq in (3, 20, 100, 5_000):
        snapshots.save(seq, [part("n", b"%d" % seq)])
    assert len(list(tmp_path.iterdir())) == KEPT
    assert snapshots.oldest_seq() == 100


def test_a_torn_state_gives_way_to_the_one_before(tmp_path):
    snapshots = Snapshots(tmp_path)
    snapshots.save(1, [part("n", b"first")])
    snapshots.save(2, [part("n", b"second"), part("m", b"more")])
    path = max(tmp_path.glob("*.state"))
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        assert newest(snapshots) == (1, [("n", b"first")]), cut
        path.write_bytes(whole[cut:])
        assert cut == 0 or newest(snapshots) == (1, [("n", b"first")]), cut
        if cut >= len(NAME):
            path.write_bytes(whole[:cut] + bytes([whole[cut] ^ 1]) + whole[cut + 1 :])
            assert cut < len(MAGIC) or newest(snapshots) == (1, [("n", b"first")]), cut
    path.write_bytes(whole)
    assert newest(snapshots) == (2, [("n", b"second"), ("m", b"more")])


@pytest.mark.parametrize(
    "body", [zlib.crc32(b"as it once was").to_bytes(4, "big") + b"as it once was", NAME + b"9 and on"]
)
def test_what_another_version_wrote_is_refused_and_not_passed_over(tmp_path, body):
    """To begin without it would lose what only it holds."""
    snapshots = Snapshots(tmp_path)
    snapshots.save(1, [part("n", b"first")])
    (tmp_path / f"{2:020d}.state").write_bytes(body)
    seq, parts = snapshots.newest()
    assert seq == 2
    with pytest.raises(Corrupt, match="laid out in another way"):
        list(parts)


def test_a_process_killed_at_any_moment_leaves_the_former_one_or_the_new_one(tmp_path):
    """kill -9 between any two pieces, before and after each sync, the renaming, and the removal of old ones."""
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, env=os.environ, check=False
    )
    assert ended.returncode == 0, ended.stderr
    found = [int(seq) for seq in ended.stdout.split()]
    assert len(found) >= 12
    assert found == sorted(found), "once it is there it stays"
    assert (found[0], found[-1]) == (1, 3)


def test_who_makes_a_part_and_fails_leaves_nothing_half_written(tmp_path):
    def failing():
        yield part("a", b"whole")
        raise ZeroDivisionError("a stage fails")

    snapshots = Snapshots(tmp_path)
    snapshots.save(1, [part("n", b"first")])
    with pytest.raises(ZeroDivisionError):
        snapshots.save(2, failing())
    assert [path.name for path in tmp_path.iterdir()] == [f"{1:020d}.state"]


def test_a_part_is_made_when_the_one_before_is_written(tmp_path):
    """So that a state of many parts needs the room of one."""
    alive = []

    def made(name):
        alive.append(name)
        yield name.encode()
        alive.remove(name)

    def parts():
        for name in ("a", "b", "c"):
            assert alive == []
            yield Part(name, made(name))

    Snapshots(tmp_path).save(1, parts())
    assert newest(Snapshots(tmp_path)) == (1, [("a", b"a"), ("b", b"b"), ("c", b"c")])


def test_what_a_crash_left_half_written_is_no_state(tmp_path):
    (tmp_path / f"{9:020d}.part").write_bytes(b"half")
    snapshots = Snapshots(tmp_path)
    assert newest(snapshots) is None
    snapshots.save(9, [part("n", b"whole")])
    assert newest(snapshots) == (9, [("n", b"whole")])


def test_only_the_owner_reads_it(tmp_path):
    snapshots = Snapshots(tmp_path / "state")
    snapshots.save(1, [part("n", b"secret")])
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()} == {0o600}
