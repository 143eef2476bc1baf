"""Saved states: whole or not at all; the newest readable one counts."""

from mainstay.engine.snapshots import KEPT, Snapshots


def test_the_newest_state_comes_back(tmp_path):
    snapshots = Snapshots(tmp_path / "state")
    assert snapshots.newest() is None
    assert snapshots.oldest_seq() == 0
    snapshots.save(7, b"seven")
    snapshots.save(12, b"twelve")
    assert Snapshots(tmp_path / "state").newest() == (12, b"twelve")


def test_a_few_are_kept_and_the_inbox_must_reach_back_to_the_oldest(tmp_path):
    snapshots = Snapshots(tmp_path)
    for seq in (3, 20, 100, 5_000):
        snapshots.save(seq, b"%d" % seq)
    assert len(list(tmp_path.iterdir())) == KEPT
    assert snapshots.oldest_seq() == 100


def test_a_torn_state_gives_way_to_the_one_before(tmp_path):
    snapshots = Snapshots(tmp_path)
    snapshots.save(1, b"first")
    snapshots.save(2, b"second")
    newest = max(tmp_path.glob("*.state"))
    whole = newest.read_bytes()
    for torn in (b"", whole[:3], whole[:-1], whole[:-1] + b"x"):
        newest.write_bytes(torn)
        assert snapshots.newest() == (1, b"first")
    newest.write_bytes(whole)
    assert snapshots.newest() == (2, b"second")


def test_what_a_crash_left_half_written_is_no_state(tmp_path):
    (tmp_path / f"{9:020d}.part").write_bytes(b"half")
    snapshots = Snapshots(tmp_path)
    assert snapshots.newest() is None
    snapshots.save(9, b"whole")
    assert snapshots.newest() == (9, b"whole")


def test_only_the_owner_reads_it(tmp_path):
    snapshots = Snapshots(tmp_path / "state")
    snapshots.save(1, b"secret")
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()} == {0o600}
