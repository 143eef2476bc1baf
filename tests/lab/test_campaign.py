"""A campaign does every kind as often as any other, labels what was harmless, and ends what nobody mends."""

import json
import random
from collections import Counter

import pytest

from mainstay.lab.campaign import Pace, conduct, draw_kinds
from mainstay.lab.fault import KINDS, Truth
from mainstay.lab.shop import read_shop


@pytest.mark.parametrize(("shop", "impossible"), [("default", {"model-degrades"}), ("lending", set())])
def test_every_kind_as_often_as_any_other(shop, impossible):
    """A shop that serves no model has none that could degrade."""
    possible = set(KINDS) - impossible
    drawn = draw_kinds(read_shop(shop), 2 * len(possible), random.Random(1))
    assert Counter(drawn) == dict.fromkeys(possible, 2)
    assert drawn != draw_kinds(read_shop(shop), 2 * len(possible), random.Random(2))
    assert drawn == draw_kinds(read_shop(shop), 2 * len(possible), random.Random(1))


@pytest.mark.slow
def test_what_nobody_mends_is_ended_and_recorded_so(lab, tmp_path):
    told = []
    (fault,) = conduct(lab, Truth(tmp_path / "truth"), 1, Pace(quiet_s=1, patience_s=3, after_s=1), told.append)
    assert not lab.is_present(fault)
    (line,) = map(json.loads, (tmp_path / "truth" / "truth.jsonl").read_text().splitlines())
    assert line["ended_by"] == "the campaign"
    assert line["started_at"] < line["ended_at"]
    assert {"fault", "service", "entities", "accepted_causes", "was_felt", "recovery_s", "ended_with"} <= set(line)
    (harmless,) = map(json.loads, (tmp_path / "truth" / "harmless.jsonl").read_text().splitlines())
    assert harmless["kind"] in ("deploy", "traffic")
    assert told[0].startswith("1/1 ")
    lab.set_traffic(1.0)
