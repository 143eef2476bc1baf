"""What the miner may be given: any bytes, any cut, any vocabulary; what it owes: the same ids, in bounded room."""

from __future__ import annotations

import random
import re

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.normalize.logs.evidence import FULL
from mainstay.normalize.logs.headline import headline, spoken
from mainstay.normalize.logs.miner import OTHER, Miner
from mainstay.normalize.logs.openings import FREE
from mainstay.normalize.logs.tokens import MAX_UNITS, columns, room, split
from mainstay.normalize.logs.wording import _LOOSE, gist, variable


def again(miner: Miner) -> Miner:
    """The miner after a restart."""
    fresh = Miner(miner.most)
    fresh.load(msgspec.msgpack.decode(msgspec.msgpack.encode(miner.state())))
    return fresh


def text_of(*lines: str) -> str:
    """What the last of these lines reads as."""
    miner = Miner(200)
    return [miner.text(number) for number in miner.learn_many([line.encode() for line in lines]).tolist()][-1]


def units_of(line: str) -> list[str]:
    buffer, starts, stops = columns([line.encode()])
    units = room(1, len(buffer))
    split(buffer, starts, stops, units)
    return [bytes(buffer[units.start[k] : units.stop[k]]).decode() for k in range(units.first[1])]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("Receiving block blk_-1608999687919862906 src: /10.250.19.102:54106", "Receiving block <*> src: <*>"),
        ("session opened for user root by (uid=0)", "session opened for user <*> by (uid=<*>)"),
        ("store operation.............1", "store operation.............<*>"),
        ("took 12 ms, 5.2 KB (free 317.5 MB)", "took <*> ms, <*> (free <*>)"),
        ("open http://a.example.com/x?y=1 failed", "open <*> failed"),
        ("www.example.com:443 close, 10 bytes sent", "<*> close, <*> bytes sent"),
        ('lock=5, tag="View Lock", ws=null', 'lock=<*>, tag="<*>", ws=<*>'),
        ("at 2026-11-22T10:00:03.123Z id 8f14e45f-ceea-467f-a0e6-1b2c3d4e5f60 done", "at <*> id <*> done"),
        ("delete blk_1234567 blk_2345678 blk_3456789", "delete <*> <*> <*>"),
        ("don't stop, it's read/write", "don't stop, it's read/write"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_varies_by_its_looks(line: str, text: str) -> None:
    assert text_of(line) == text


def test_lists_of_any_length_are_one_template() -> None:
    assert text_of("got [1, 2, 3] of it", "got [4] of it") == "got [<*>] of it"
    miner = Miner(100)
    assert len(set(miner.learn_many([b"ask 7 to delete 1, 2, 3", b"ask 8 to delete 4"]).tolist())) == 1


def test_a_name_with_a_digit_is_a_word_when_it_never_changes() -> None:
    miner = Miner(100)
    for port in range(9):
        number = miner.learn(f"accepted from 10.0.0.{port} via eth0")
    assert miner.text(number) == "accepted from <*> via eth0"
    miner.learn("accepted from 10.0.0.1 via eth1")
    assert miner.text(number) == "accepted from <*> via <*>"


def test_few_words_are_statements_and_many_are_values() -> None:
    miner = Miner(100)
    up, down = miner.learn("link of the card is up"), miner.learn("link of the card is down")
    assert up != down
    names = [miner.learn(f"mail for {name} was put aside") for name in ("ann", "bob", "carol", "dave", "erin", "frank")]
    assert len({miner.current(number) for number in names}) == 1
    assert miner.current(up) != miner.current(down)


def test_words_known_as_values_need_less_evidence_elsewhere() -> None:
    miner = Miner(100)
    names = ("ann", "bob", "carol", "dave", "erin")
    miner.learn_many([f"mail for {name} was put aside".encode() for name in names])
    ids = miner.learn_many([f"good morning dear {name} again".encode() for name in names[:3]]).tolist()
    assert len({miner.current(number) for number in ids}) == 1


def test_what_says_the_same_in_other_brackets_is_one() -> None:
    miner = Miner(100)
    assert miner.learn("lost the peer 17") == miner.learn("lost the peer [18]")


def test_free_text_behind_a_colon_is_one_template_at_last() -> None:
    miner = Miner(100)
    said = [
        " ".join(("alpha", "beta", "gamma", "delta", "eps", "zeta", "eta")[k % 5 : k % 5 + 1 + k % 3])
        for k in range(15)
    ]
    ids = [miner.learn(f"the query has failed: {words} {'x' * k}y") for k, words in enumerate(said)]
    assert len({miner.current(number) for number in ids}) == 1
    assert miner.text(ids[0]) == "the query has failed: <*>"
    assert miner.learn("the query has failed: something else altogether, with more words") == miner.current(ids[0])
    assert len(ids) > FREE
    assert again(miner).learn("the query has failed: and again") == miner.current(ids[0])


def test_beginnings_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainstay.normalize.logs.openings.MAX_BEGINNINGS", 2)
    miner = Miner(200)
    for verb in ("read", "write", "open"):
        ids = [miner.learn(f"could not {verb} it: {'x' * (k + 1)} {'y ' * (k % 3)}end") for k in range(12)]
        assert miner.text(ids[-1]) == f"could not {verb} it: <*>"
    assert len(miner._openings.texts) == 2


def test_parameters_are_where_the_template_varies() -> None:
    miner = Miner(100)
    lines = [f"user={name} paid {n} EUR".encode() for n, name in enumerate(("ann", "bob", "carol"))]
    learned = miner.learn_columns(*columns(lines))
    last = slice(learned.first[2], learned.first[3])
    buffer = b"".join(lines)
    found = [buffer[a:b].decode() for a, b in zip(learned.start[last], learned.stop[last], strict=True)]
    assert found == ["carol", "2"]


def test_huge_lines_cost_what_their_beginning_costs() -> None:
    miner = Miner(100)
    noise = random.Random(1).randbytes(1 << 20)
    words = b" ".join(b"w%d" % n for n in range(100_000))
    for line in (b"x" * (1 << 20), noise, words, b" " * (1 << 20), b'"' * (1 << 20), b"[" * (1 << 20)):
        learned = miner.learn_columns(*columns([line, line]))
        assert learned.template[0] == learned.template[1]
        assert int(learned.stop.max(initial=0)) <= 2 * len(line)
    assert len(units_of(" ".join("word" for _ in range(1_000)))) == MAX_UNITS
    assert all(len(t.text) < 20_000 for t in miner.templates)


def test_one_shape_with_endless_words_becomes_few_templates() -> None:
    miner, rng = Miner(2_000), random.Random(2)
    for _ in range(4 * FULL):
        miner.learn(" ".join("".join(rng.choices("abcdefghij", k=6)) for _ in range(5)))
    assert len(miner) <= FULL + 1


def test_more_than_fits_forgets_the_oldest_and_says_so() -> None:
    miner = Miner(10)
    first = miner.learn("first of all")
    for n in range(30):
        miner.learn("word " * n + "end")
    assert miner.text(first) == OTHER.text
    assert len(miner) == 10
    assert miner.learn("first of all") == first


TOKENS = st.sampled_from(
    ["order", "paid", "failed:", "for", "user", "17", "4.5ms", "10.0.0.1", "timeout", "ok", "<*>", '"x y"', "a=b",
     "a=c", "(", ")", "ann", "bob", "carol", "UP", "DOWN", "eth0", "é", "\t", "[1,", "2]", "/etc/x", "..."]
)  # fmt: skip
LINES = st.lists(st.lists(TOKENS, max_size=7).map(" ".join), max_size=60)


@given(LINES, st.lists(st.integers(1, 9), max_size=20), st.integers(0, 60))
@settings(deadline=None, max_examples=60)
def test_cuts_and_restarts_change_nothing(lines: list[str], cuts: list[int], at: int) -> None:
    bodies = [line.encode() for line in lines]
    whole, parts = Miner(12), Miner(12)
    expected, got = whole.learn_many(bodies).tolist(), []
    since = 0
    for size in [*cuts, len(bodies)]:
        got += parts.learn_many(bodies[since : since + size]).tolist()
        since += size
        if since > at:
            parts = again(parts)
    assert got == expected
    assert parts.templates == whole.templates
    assert [parts.current(number) for number in expected] == [whole.current(number) for number in expected]


def test_a_line_ends_where_it_ends() -> None:
    one, other = Miner(10), Miner(10)
    assert one.learn_many([b"call foo.Bar", b":1 up"]).tolist() == [other.learn("call foo.Bar"), other.learn(":1 up")]


@given(st.lists(st.text("aB1.:/@\"'=<>- \n", max_size=12), max_size=12))
@settings(deadline=None, max_examples=200)
def test_a_line_is_read_alike_whatever_stands_behind_it(lines: list[str]) -> None:
    one, other = Miner(50), Miner(50)
    assert one.learn_many([line.encode() for line in lines]).tolist() == [other.learn(line) for line in lines]
    assert one.templates == other.templates


@given(st.lists(st.binary(max_size=300), max_size=8))
@settings(deadline=None, max_examples=60)
def test_any_bytes_have_a_template_with_a_text(lines: list[bytes]) -> None:
    miner = Miner(20)
    for number in miner.learn_many(lines).tolist():
        assert miner.text(number).strip() == miner.text(number)
    assert again(miner).templates == miner.templates


@given(st.text(max_size=300))
def test_any_text_has_a_headline_and_a_form(text: str) -> None:
    assert "\n" not in headline(text)
    assert variable(text or "x")
    assert "<*> <*>" not in gist(text)


@given(
    st.lists(st.sampled_from(["<*>", "a", "_", "=", "<", "*", ">", " ", "()", "é", "[", "7"]), max_size=30).map("".join)
)
def test_a_gist_is_what_the_words_and_the_places_of_variables_are(text: str) -> None:
    loose = re.compile(r"[\W_]*<\*>(?:[\W_]*<\*>)*[\W_]*")
    assert gist(text) == loose.sub(" <*> ", text.replace("()", " no "))


def test_a_gist_reads_each_letter_once() -> None:
    """Of a million signs every letter is read once; read from each place on, they would be 10¹² and never end."""
    rules = "=" * 1_000_000
    assert gist(f"{rules} aaa") == f"{rules} aaa"
    assert gist(f"a {rules} <*> b") == "a <*> b"
    assert [run.span() for run in _LOOSE.finditer(f"{rules} aaa")] == [(0, 1_000_001)]
    assert text_of(f"{rules[:4_000]} aaa").endswith("= aaa")


def test_json_and_stack_traces_are_told_by_their_message() -> None:
    assert headline('{"log": {"x": 1}, "message": "it works"}') == "it works"
    assert headline('{"a": 1}') == '{"a": 1}'
    assert headline('{"message": "cut of') == '{"message": "cut of'
    assert headline("failed\r\n\tat a.b.C(C.java:1)") == "failed"
    assert headline("[" * 3_000) == "[" * 3_000
    assert headline('{"a":' * 3_000) == '{"a":' * 3_000


def test_what_was_masked_varies_like_the_number_that_it_was() -> None:
    miner = Miner(100)
    one = miner.learn_many([spoken("block blk_<card> is added"), spoken("block blk_17 is added")]).tolist()
    assert one[0] == one[1]
    assert miner.text(one[0]) == "block <*> is added"


def test_counts_are_kept_over_a_merge() -> None:
    miner = Miner(100)
    miner.learn_many([b"user=ann left"] * 3 + [b"user=bob left"] * 4)
    assert np.sort(miner._book.slots.count)[-1] == 7


def test_what_says_the_same_may_become_part_of_something_else() -> None:
    miner = Miner()
    for line in ("job 17 state beta ok", "job 17 state alpha ok", "job [17] state alpha ok"):
        miner.learn(line)
    for word in ("gamma", "delta", "epsilon"):
        miner.learn(f"job 17 state {word} ok")
    numbers = [miner.learn(f"job ({name}) state alpha ok") for name in ("ann", "bob", "carl", "dora", "emma")]
    assert {miner.text(number) for number in numbers} == {"job <*> state <*> ok"}
    assert_whole(miner)


def test_the_id_of_free_text_follows_a_merge() -> None:
    miner = Miner(200)
    oldest, *_ = [miner.learn(f"the {word} has failed: x") for word in ("alpha", "beta", "gamma")]
    said = [miner.learn(f"the query has failed: {'x ' * (k + 1)}".strip()) for k in range(FREE)]
    assert miner.current(said[-1]) == said[0] != oldest
    assert miner.learn("the delta has failed: x") == oldest == miner.current(said[0])
    assert miner.learn("the query has failed: at last") == oldest
    assert_whole(miner)


def assert_whole(miner: Miner) -> None:
    """What the tables say of each other agrees."""
    book = miner._book
    assert {book.gists[known.gist()] for known in book.known.values()} == set(book.gists.values())
    assert set(book.gists.values()) <= set(book.ids)
    assert all(book.gists[known.gist()] == book.number[slot] for slot, known in book.known.items())
    assert not set(book.ids) & set(book.aliases)
    assert not set(miner._openings.texts) & set(book.aliases)
    assert sorted(slot for slots in book.ids.values() for slot in slots) == sorted(book.known)


SAID = st.builds(
    "{} {} {} {} {}".format,
    st.sampled_from(["job", "the job is"]),
    st.sampled_from(["17", "[17]", "(17)", "'17'", "(ann)", "(bob)", "(carl)", "(dora)", "(emma)", "ann"]),
    st.sampled_from(["state", "has failed:", "="]),
    st.sampled_from(["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "[8]", "x=1", "x=UP", "x=no"]),
    st.sampled_from(["ok", "ok!", "(ok)", ""]),
)  # fmt: skip


@given(st.lists(SAID, max_size=120), st.integers(3, 40), st.sets(st.integers(0, 120), max_size=6))
@settings(deadline=None, max_examples=150)
def test_the_tables_agree_whatever_is_learned_forgotten_and_merged(said: list[str], most: int, stops: set[int]) -> None:
    miner = Miner(most)
    for number, line in enumerate(said):
        found = miner.learn(line)
        assert miner.current(found) == found
        assert_whole(miner)
        if number in stops:
            miner = again(miner)
            assert_whole(miner)
            miner.take_merged()
