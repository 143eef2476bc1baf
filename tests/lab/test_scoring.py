"""The lender's model: the file that is written, the server that runs it, the desk, and what is reported of both."""

from __future__ import annotations

import importlib.util
import json
import random
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from mainstay.lab.fault.cause import Place
from mainstay.lab.fault.model import WRONG, degraded_model, is_overwritten
from mainstay.lab.folder import Folder
from mainstay.lab.scoring.applicants import FEATURES, GOOD, applicant, will_default
from mainstay.lab.scoring.desk import Desk
from mainstay.lab.scoring.onnx import RuntimeMissing, encoded, require_runtime, write_model
from mainstay.lab.scoring.reporter import Inbox, Reporter
from mainstay.lab.scoring.serving import Serving
from mainstay.lab.service.failure import NotReviewed
from mainstay.lab.shop import ShopFileError, read_shop
from tests.lab.sink import Sink

RUNTIME = importlib.util.find_spec("onnxruntime") is not None
needs_runtime = pytest.mark.skipif(not RUNTIME, reason="onnxruntime is not installed: pip install 'mainstay[onnx]'")
NOWHERE = Inbox("http://127.0.0.1:9/", "", "predictions", {})
LENDING = read_shop("lending")
MODEL = LENDING.service("scoring").serves
assert MODEL is not None
STEP = next(step for step in LENDING.service("loans").routes[0].steps if step.kind == "score")


@pytest.fixture
def folder(tmp_path):
    folder = Folder(tmp_path / "lab")
    write_model(folder.released_model("scoring"), GOOD)
    write_model(folder.served_model("scoring"), GOOD)
    return folder


def people(count: int, seed: int = 1) -> list[dict[str, float]]:
    draw = random.Random(seed)
    return [applicant(draw) for _ in range(count)]


def declined(model: Any) -> float:
    found = [model.probability(features) > MODEL.decline_above for features in people(2000)]
    return sum(found) / len(found)


def test_a_good_model_declines_few_and_a_wrong_one_so_many_that_nobody_can_review_them():
    per_s = 11.2  # applications
    assert declined(GOOD) * per_s < MODEL.reviews_per_s / 3
    for variant, model in WRONG.items():
        assert declined(model) * per_s > 1.5 * MODEL.reviews_per_s, variant


def test_the_truth_follows_the_good_model_and_not_the_wrong_ones():
    draw = random.Random(2)
    told = [(features, will_default(features, draw)) for features in people(4000)]

    def loss(model: Any) -> float:
        return sum((model.probability(features) - came) ** 2 for features, came in told) / len(told)

    assert loss(GOOD) < 0.13
    assert all(loss(model) > 2 * loss(GOOD) for model in WRONG.values())


def test_the_file_is_the_same_for_the_same_weights_and_another_for_others():
    assert encoded(GOOD) == encoded(replace(GOOD))
    assert len({encoded(GOOD), *map(encoded, WRONG.values())}) == 1 + len(WRONG)


def test_a_shop_with_a_model_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeMissing, match=r"pip install 'mainstay\[onnx\]'"):
        require_runtime("fair-loans")


@needs_runtime
def test_the_server_says_what_the_model_says_and_takes_up_a_new_file(folder, monkeypatch):
    monkeypatch.setattr("mainstay.lab.scoring.serving.LOOK_AGAIN_S", -1.0)
    serving = Serving(folder.released_model("scoring"), folder.served_model("scoring"), Reporter(NOWHERE))
    asked = [json.dumps({"id": str(n), "features": features}).encode() for n, features in enumerate(people(20))]
    for model in (GOOD, *WRONG.values()):
        write_model(folder.served_model("scoring"), model)
        said = [serving.score(body) for body in asked]
        assert said == pytest.approx([model.probability(features) for features in people(20)], abs=1e-5)


def test_a_model_degrades_in_the_file_that_is_served_alone(folder):
    place = Place(folder, LENDING, "scoring", random.Random(1))
    assert not is_overwritten(folder, "scoring")
    cause = degraded_model(place)
    assert is_overwritten(folder, "scoring")
    assert cause.accepted == ("credit",)
    assert cause.affected == ("loans",)
    assert cause.variant in WRONG
    Serving(folder.released_model("scoring"), folder.served_model("scoring"), Reporter(NOWHERE))  # as a restart does
    assert not is_overwritten(folder, "scoring")


class Caller:
    """Answers every call with one score."""

    def __init__(self, score: float) -> None:
        self.score, self.asked = score, []

    def call(self, service: str, method: str, path: str, body: bytes) -> SimpleNamespace:
        self.asked.append((service, method, path, json.loads(body)))
        return SimpleNamespace(body=json.dumps({"score": self.score}).encode())


def test_the_desk_accepts_below_the_threshold_and_tells_the_truth_later():
    caller, truths = Caller(0.1), Reporter(NOWHERE)
    desk = Desk(caller, MODEL, truths, random.Random(3))
    for _ in range(50):
        desk.decide(STEP)
    assert {(service, path) for service, _, path, _ in caller.asked} == {("scoring", "/scores")}
    assert set(caller.asked[0][3]["features"]) == set(FEATURES)
    assert truths.deliver() == 0, "nothing is due yet"


def test_the_desk_fails_what_nobody_has_time_to_look_at():
    desk = Desk(Caller(0.9), replace(MODEL, reviews_per_s=0.1), Reporter(NOWHERE), random.Random(3))
    desk.decide(STEP)  # the one that is saved up
    for _ in range(5):
        with pytest.raises(NotReviewed, match="manual review") as refused:
            desk.decide(STEP)
        assert refused.value.status == 503


def test_rows_are_posted_when_they_are_due_with_what_stands_beside_them():
    sink = Sink()
    try:
        inbox = Inbox(f"{sink.url}/v1/models/credit/labels", "let-me-in", "labels", {"environment": "lab"})
        reporter = Reporter(inbox)
        reporter.note({"id": "later", "value": 1}, after_s=60)
        reporter.note({"id": "now", "value": 0})
        assert (reporter.deliver(), reporter.deliver()) == (1, 0)
        path, headers, body = sink.received[-1]
        assert path == "/v1/models/credit/labels"
        assert headers.get("Authorization", headers.get("authorization")) == "Bearer let-me-in"
        assert json.loads(body) == {"environment": "lab", "labels": [{"id": "now", "value": 0}]}
    finally:
        sink.close()


def test_rows_wait_while_nobody_answers():
    reporter = Reporter(NOWHERE)
    reporter.note({"id": "a", "value": 1})
    assert reporter.deliver() == 0
    assert len(reporter._waiting) == 1


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ("score scoring POST /scores", "score customers GET /customers/{id}", "has no 'serves'"),
        ("decline_above: 0.5", "decline_above: 5", "a number from 0 to 1"),
        ("reviews_per_s: 3", "reviews: 3", "one of name, version, decline_above, reviews_per_s"),
    ],
)
def test_a_shop_file_that_serves_no_such_model_is_refused(tmp_path, was, becomes, says):
    from mainstay.lab.shop.file import SHOPS

    text = (SHOPS / "lending.yaml").read_text()
    assert was in text
    file = tmp_path / "shop.yaml"
    file.write_text(text.replace(was, becomes))
    with pytest.raises(ShopFileError, match=says):
        read_shop(file)
