"""Each fault really hurts, each operator's action really heals, and the same cause again hurts again."""

import json

import psutil
import pytest

from mainstay.lab.fault import KINDS, FaultImpossible, inject
from mainstay.lab.fault.inject import choose, depth
from mainstay.lab.shop import read_shop
from tests.lab.patience import Probe, eventually

FELT_BY_USERS = [
    ("bad-deploy-slow", "shelf"),
    ("bad-deploy-errors", "till"),
    ("bad-config", "counter"),
    ("cpu-hog", "shelf"),
    ("db-locked", "ledger"),
    ("dependency-outage", "shelf"),
    ("disk-full", "till"),
]
ANNOUNCED = ("bad-deploy-slow", "bad-deploy-errors", "bad-config", "memory-leak")


@pytest.fixture
def ended(lab):
    """Faults that a test leaves behind when it fails are ended for the next."""
    faults = []
    yield faults
    for fault in faults:
        if lab.is_present(fault):
            lab.lift(fault)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "service"), FELT_BY_USERS)
def test_hurts_heals_and_hurts_again(lab, ended, kind, service):
    probe = Probe(lab)
    eventually(probe.is_good)
    for seed in (1, 2):
        fault = lab.inject(kind, service, seed)
        ended.append(fault)
        eventually(probe.is_bad, within_s=30)
        assert lab.is_present(fault)
        assert bool(fault.cause.change_id) == (kind in ANNOUNCED)
        assert lab.lift(fault)["changed"]
        eventually(probe.is_good)
        assert not lab.is_present(fault)


def till(lab):
    (service,) = lab.status("till")["services"]
    return service, service["instances"][0]["pid"]


def memory_mb(pid):
    try:
        return psutil.Process(pid).memory_info().rss / 2**20
    except psutil.NoSuchProcess:
        return 0


@pytest.mark.slow
def test_a_leak_grows_to_the_limit_again_and_again_until_the_older_version_is_back(lab, ended):
    before = memory_mb(till(lab)[1])
    fault = lab.inject("memory-leak", "till", 1)
    ended.append(fault)
    leaking = till(lab)[1]
    eventually(lambda: memory_mb(leaking) > before + 25, within_s=30)
    eventually(lambda: till(lab)[1] != leaking, within_s=40)
    service, again = till(lab)
    assert service["version"] == fault.cause.signs["version"]
    eventually(lambda: memory_mb(again) > before + 10, within_s=30)
    lab.lift(fault)
    assert memory_mb(till(lab)[1]) < before + 15
    assert not lab.is_present(fault)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["restart", "scale"])
def test_queue_backlog_grows_until_the_consumer_works_again(lab, ended, way):
    fault = lab.inject("queue-backlog", "clerk", 1)
    ended.append(fault)
    eventually(lambda: depth(lab.folder, "slips") > 20, within_s=30)
    lab.operate(*next(mend for mend in fault.cause.mends if mend[0] == way))
    eventually(lambda: not lab.is_present(fault), within_s=30)
    assert depth(lab.folder, "slips") <= 25
    lab.operate("restart", "clerk")
    lab.operate("scale", "clerk", "1")


def test_the_truth_is_told_to_the_scorer_and_to_nobody_else(lab, truth):
    fault = lab.inject("bad-deploy-errors", "shelf", 3)
    lab.lift(fault)
    told = [json.loads(line) for line in truth.read_text().splitlines()]
    assert told[-1]["fault"] == "bad-deploy-errors"
    assert told[-1]["accepted_causes"] == ["shelf"]
    assert truth.parent.stat().st_mode & 0o777 == 0o700
    assert not truth.is_relative_to(lab.folder.root)
    for path in lab.folder.root.rglob("*"):
        if path.is_file() and path.suffix in (".json", ".jsonl", ".log", ".yaml"):
            text = path.read_text(errors="replace")
            assert str(truth.parent) not in text, path
            assert not any(kind in text for kind in KINDS), path


def test_truth_inside_the_lab_is_refused(lab):
    with pytest.raises(FaultImpossible, match="outside of the lab's folder"):
        inject(lab.folder.root, "bad-deploy-slow", truth_dir=lab.folder.root / "truth")


def test_the_place_is_drawn_by_seed_among_the_places_that_make_sense():
    shop = read_shop("default")
    drawn = {choose(shop, "bad-deploy-slow", None, seed) for seed in range(40)}
    assert drawn == set(KINDS["bad-deploy-slow"].where(shop))
    assert choose(shop, "bad-deploy-slow", None, 7) == choose(shop, "bad-deploy-slow", None, 7)


def test_a_place_that_makes_no_sense_is_refused_with_those_that_do():
    shop = read_shop("default")
    with pytest.raises(FaultImpossible, match="it does at: catalog, payments, orders"):
        choose(shop, "disk-full", "users", 1)
    with pytest.raises(FaultImpossible, match="unknown fault"):
        choose(shop, "gremlins", None, 1)


def test_a_service_stands_for_its_database():
    assert choose(read_shop("default"), "db-locked", "orders", 1) == "shopdb"


@pytest.mark.parametrize(
    "shop",
    ["default", "library", "ticketing", "clinic", "freight", "garage", "stadium", "airport", "newsroom", "railway"],
)
def test_every_kind_has_a_place_in_every_shop(shop):
    places = {name for name, kind in KINDS.items() if kind.where(read_shop(shop))}
    assert places == set(KINDS) - {"model-degrades"}, "a shop that serves no model draws what it always drew"


def test_the_lender_has_a_place_for_a_model_that_degrades():
    assert KINDS["model-degrades"].where(read_shop("lending")) == ["scoring"]


def test_half_of_the_kinds_come_from_outside():
    assert len(KINDS) >= 8
    assert sum(kind.is_from_outside for kind in KINDS.values()) * 2 >= len(KINDS)
