"""Templates: few, stable, bounded; lines masked, of an entity, counted per window."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.normalize.senders import PAYMENTS, SHOP, T0, S, decoded, logs

from mainstay.domain.entities import labels_of
from mainstay.domain.signals import RawLogs
from mainstay.normalize import Normalizer
from mainstay.normalize.logs.miner import Miner


def again(miner: Miner) -> Miner:
    """The miner after a restart."""
    fresh = Miner(miner.most)
    fresh.load(msgspec.msgpack.decode(msgspec.msgpack.encode(miner.state())))
    return fresh


def test_variables_do_not_make_templates() -> None:
    miner = Miner()
    ids = {
        miner.learn(f"order {n} of user-{n * 7} paid in {n}.5ms from 10.0.0.{n}:80 at 2026-11-22T10:00:{n}Z")
        for n in range(60)
    }
    assert len(ids) == 1
    assert [t.text for t in miner.templates] == ["order <*> of user-<*> paid in <*> from <*> at <*>"]


def test_a_merge_keeps_the_oldest_id_and_tells_what_changed() -> None:
    miner = Miner()
    lost = [f"connection to {name} lost after retry" for name in ("payments", "shop", "cart", "mail", "search")]
    ids = [miner.learn(line) for line in lost]
    assert len(set(ids[:4])) == 4, "four words may be four statements"
    assert ids[4] == ids[0]
    assert [miner.current(number) for number in ids] == [ids[0]] * 5
    assert {miner.text(number) for number in ids} == {"connection to <*> lost after retry"}
    assert {t.id: t.text for t in miner.take_changed()} == dict.fromkeys(ids, "connection to <*> lost after retry")
    assert miner.take_merged() == tuple((number, ids[0]) for number in ids[1:4])
    assert miner.learn("connection to quite_another lost after retry") == ids[0]
    assert (miner.take_changed(), miner.take_merged()) == ((), ())


def test_different_things_are_different_templates() -> None:
    miner = Miner()
    ids = [miner.learn(line) for line in ("user logged in", "disk is full", "user logged out again", "started")]
    assert len(set(ids)) == 4


def test_ids_are_the_same_on_another_machine_and_after_a_restart() -> None:
    lines = [f"step {n} of job {n} failed with code {n}" for n in range(5)] + ["cache miss", "cache hit for key abc"]
    one, other = Miner(), Miner()
    ids = [one.learn(line) for line in lines]
    assert [other.learn(line) for line in lines] == ids
    assert [again(one).learn(line) for line in lines] == ids


def test_vocabulary_is_bounded_and_what_is_used_stays() -> None:
    miner = Miner(most=50)
    kept = miner.learn("the line that is said all the time")
    for n in range(500):
        miner.learn(" ".join(f"{chr(97 + (n + k) % 26)}{chr(97 + n // 26)}x" for k in range(3 + n % 7)))
        assert miner.learn("the line that is said all the time") == kept
    assert len(miner) <= 50
    assert miner.text(kept) == "the line that is said all the time"


WORDS = st.sampled_from(
    ["order", "paid", "failed", "for", "user", "17", "4.5ms", "10.0.0.1", "timeout", "ok", "<*>", '"x y"']
)
LINES = st.lists(st.lists(WORDS, max_size=6).map(" ".join), max_size=30)


@given(LINES, st.integers(0, 30))
@settings(deadline=None)
def test_a_restart_anywhere_changes_no_template(lines: list[str], at: int) -> None:
    straight, first = Miner(most=8), Miner(most=8)
    expected = [straight.learn(line) for line in lines]
    got = [first.learn(line) for line in lines[:at]]
    second = again(first)
    got += [second.learn(line) for line in lines[at:]]
    assert got == expected
    assert second.templates == straight.templates


def test_windows_count_what_each_entity_said() -> None:
    normalizer = Normalizer()
    normalizer.apply(decoded(l=logs(["order 1 paid", "order 2 paid"], T0)), T0)
    normalizer.apply(decoded(l=logs(["order 3 paid"], T0 + S, severity=17)), T0 + S)
    normalizer.apply(decoded(l=logs(["order 3 paid"], T0 + S, who=SHOP)), T0 + S)
    windows = normalizer.tick(T0 + 5 * S).templates
    assert [(w.entity, w.count, w.severity, w.is_new, w.text) for w in windows] == [
        ("service:lab/payments", 3, 17, True, "order <*> paid"), ("service:lab/shop", 1, 9, True, "order <*> paid"),
    ]  # fmt: skip
    assert {(w.since_ns, w.until_ns) for w in windows} == {(T0, T0 + 5 * S)}
    assert windows[0].example == "order 1 paid"
    normalizer.apply(decoded(l=logs(["order 9 paid"], T0 + 6 * S)), T0 + 6 * S)
    (window,) = normalizer.tick(T0 + 10 * S).templates
    assert (window.count, window.is_new) == (1, False)
    assert normalizer.tick(T0 + 15 * S).templates == ()


def test_a_record_gets_what_it_lacks() -> None:
    raw = logs(["ERROR cannot pay", "fine", ""], 0, severity=0)
    raw = RawLogs(
        raw.resources, raw.resource, raw.at_ns, raw.severity, raw.body, raw.trace_id, raw.span_id,
        ((), (), labels_of({"exception.type": "KeyError", "exception.message": "'order'"})),
    )  # fmt: skip
    batch = Normalizer().apply(decoded(l=raw), T0).logs
    assert batch is not None
    assert batch.severity.tolist() == [17, 0, 0]
    assert batch.at_ns.tolist() == [T0, T0, T0]
    assert batch.body[2] == "'order' KeyError"
    assert batch.entity == ("service:lab/payments",) * 3


def test_huge_and_old_lines() -> None:
    normalizer = Normalizer()
    batch = normalizer.apply(decoded(l=logs(["x" * 100_000], T0)), T0).logs
    assert batch is not None
    assert len(batch.body[0]) == 4096
    assert normalizer.apply(decoded(l=logs(["old"], T0 - 10**6 * S, who=PAYMENTS)), T0).logs is None
    assert normalizer.counts["out_of_time"] == 1
