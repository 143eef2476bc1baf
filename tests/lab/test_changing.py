"""A campaign of changes: half of them harmful, told before they are made, undone when they did harm."""

import json
import random
from collections import Counter

import pytest

from mainstay.lab.changing import HARMFUL, ChangePace, conduct_changes, drawn


def test_half_of_them_do_harm_and_the_kind_does_not_tell():
    plan = drawn(["a", "b", "c", "d"], 60, random.Random(3))
    assert Counter(bool(one.fault) for one in plan) == {True: 30, False: 30}
    assert Counter(one.fault for one in plan if one.fault) == dict.fromkeys(HARMFUL, 10)
    harmless = Counter(one.kind for one in plan if not one.fault)
    assert harmless["deploy"] > harmless["config"] > 0
    assert plan == drawn(["a", "b", "c", "d"], 60, random.Random(3))


def test_one_service_is_enough():
    assert {one.service for one in drawn(["a"], 4, random.Random(1))} == {"a"}


@pytest.mark.slow
def test_what_was_told_before_is_done_and_what_did_harm_is_undone(lab, tmp_path):
    told = []
    done = conduct_changes(lab, tmp_path / "changes.jsonl", 2, ChangePace(watch_s=2, settle_s=1), told.append)
    assert told == [one.intended for one in done]
    assert sorted(bool(one.intended.fault) for one in done) == [False, True]
    lines = [json.loads(line) for line in (tmp_path / "changes.jsonl").read_text().splitlines()]
    assert [line["change_id"] for line in lines] == [one.change_id for one in done]
    for one in done:
        assert one.change_id
        assert bool(one.undone_at) == bool(one.intended.fault)
    assert all(service["healthy"] for service in lab.status()["services"])
