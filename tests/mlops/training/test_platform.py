"""Trainings in a running platform: asked for over the API, kept by the real DBOS file, refused, begun when due."""

from __future__ import annotations

import asyncio

import httpx
import msgspec
import pytest
from tests.api.conftest import Client
from tests.mlops.training import rows as data

from mainstay.api import create_app
from mainstay.app.platform import Platform
from mainstay.domain.errors import BadInput, NotFound, Refused
from mainstay.domain.models import VersionRef
from mainstay.domain.training import TrainingRequest, TrainingRun
from mainstay.domain.verdicts import Label
from mainstay.mlops.training.runs import new_run
from mainstay.replay import RecordedClock
from mainstay.settings import Retraining, Settings


@pytest.fixture
def platform(tmp_path):
    clock = RecordedClock()
    clock.at_ns = (data.START_MS + 3_600_000) * 1_000_000
    settings = Settings(tick_s=1000, training=Retraining(verdicts=3, look_every_s=0.01, trials=2, age_s=0))
    running = Platform(tmp_path / "data", settings, clock)
    running.start()
    yield running
    running.stop()


async def until_ended(platform, run):
    for _ in range(3000):
        if (found := platform.training.run(run)).status != "running":
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"{run} does not end")


def asked(**given):
    return TrainingRequest(id="", kind="metrics", by="ada", **given)


def test_a_training_runs_through_the_durable_store_and_says_why_it_was_refused(platform):
    async def go():
        await platform.open_runs()
        run = await platform.training.request("diagnoser", asked())
        ended = await until_ended(platform, run.id)
        await platform.stop_async()
        return ended

    ended = asyncio.run(go())
    assert (ended.status, ended.says) == ("refused", "needs 30 labels, has 0")
    [experiment] = platform.training.experiments("diagnoser")
    assert experiment.quality.problems == ("needs 30 labels, has 0",)
    assert [run.id for run in platform.training.runs()] == [ended.id]
    assert platform.training.runs("edges") == []
    kinds = [entry.output["status"] for entry in platform.control.ledger() if entry.id == f"{ended.id}-refused"]
    assert kinds == ["refused"]
    assert platform.training.lineage(VersionRef("diagnoser", 1)).experiment is None


def test_what_cannot_be_trained_is_refused_at_the_door(platform):
    async def go():
        with pytest.raises(NotFound, match="no model 'nobody'"):
            await platform.training.request("nobody", asked())
        with pytest.raises(BadInput, match="a scope is"):
            await platform.training.request("metrics", asked(scope="colour=red"))
        with pytest.raises(Refused, match="no entity"):
            await platform.training.request("metrics", asked(scope="service=none"))

    asyncio.run(go())
    with pytest.raises(NotFound, match="no training run"):
        platform.training.run("training-none")


def test_one_at_a_time_and_each_request_once(platform):
    request = TrainingRequest(id="request-edges-7", kind="edges", at_ms=1)
    platform.training.store.save(new_run(request))

    async def go():
        again = await platform.training.begin(request)
        assert again == new_run(request), "it began before: nothing begins"
        with pytest.raises(Refused, match="being trained already"):
            await platform.training.begin(msgspec.structs.replace(request, id="request-edges-8"))

    asyncio.run(go())


def test_what_is_due_begins_by_itself_and_what_was_cut_off_is_taken_up(platform):
    from mainstay.domain.effects import Effects

    effects = Effects(decided_seq=platform.control.decided_seq + 1)
    for n in range(3):
        label = Label(id=f"L-{n}", model="planner", version=1, subject=f"PLAN-{n}", is_true=True, kind="plan",
                      from_verdict="V", by="ada", at_ms=data.START_MS)  # fmt: skip
        effects.labels[label.id] = label
    platform.control.commit(effects)
    cut_off = new_run(TrainingRequest(id="request-correlator-1", kind="correlator", at_ms=data.START_MS))
    platform.training.store.save(cut_off)

    async def go():
        await platform.open_runs()
        taken_up = await until_ended(platform, cut_off.id)
        for _ in range(3000):
            found = platform.training.store.find(TrainingRun, subject="planner:*")
            if found and found[0].status != "running":
                break
            await asyncio.sleep(0.01)
        await platform.stop_async()
        return taken_up, found[0]

    taken_up, due = asyncio.run(go())
    assert taken_up.status == "refused"
    assert (due.request.trigger, due.request.by) == ("verdicts", "mainstay")
    assert due.says == "needs 30 labels, has 0"
    assert platform.training.due() == [], "answered"


def test_knobs_that_a_person_sets_are_taken_over_the_api_and_the_run_has_them(platform):
    headers = {"Authorization": f"Bearer {platform.new_admin_token}"}
    transport = httpx.ASGITransport(app=create_app(platform))

    async def go():
        await platform.open_runs()
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080", headers=headers) as client:
            answer = await client.post("/api/v1/models/edges/train", json={"knobs": {"ratio": 2}})
        ended = await until_ended(platform, answer.json()["id"])
        await platform.stop_async()
        return answer.status_code, ended

    status, ended = asyncio.run(go())
    assert (status, ended.request.knobs, ended.request.by) == (202, {"ratio": 2.0}, "admin")
    assert (ended.status, ended.says.startswith("no edges data in scope *")) == ("refused", True)


def test_over_the_api(platform):
    token = platform.new_admin_token or (platform.data / "admin-token").read_text().strip()
    client = Client(create_app(platform), token)
    assert client.get("training") == []
    assert client.get("models/edges/experiments") == []
    told = client.get("models/edges/versions/1/lineage")
    assert told["registered"]["why"].startswith("shipped with")
    assert [one["role"] for one in told["deployments"]] == ["live"]
    assert client.ask("GET", "/api/v1/models/edges/versions/9/lineage").status_code == 404
    assert client.ask("GET", "/api/v1/training/none").status_code == 404
    assert client.ask("POST", "/api/v1/models/nobody/train", json={}).status_code == 404
    assert client.ask("POST", "/api/v1/models/edges/train", json={"trials": 501}).status_code == 400
    assert client.ask("POST", "/api/v1/models/edges/train", json={"hurry": True}).status_code == 400
    wrong = client.ask("POST", "/api/v1/models/edges/train", json={"knobs": {"volume": 2}})
    assert (wrong.status_code, "edges has no knob 'volume'" in wrong.text) == (400, True)
    assert Client(create_app(platform)).ask("POST", "/api/v1/models/edges/train", json={}).status_code == 401
