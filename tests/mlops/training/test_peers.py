"""A cold service borrows its nearest peer's version, and trains its own when it has a history."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mlops.training.world import AT_MS, World, plainly

from mainstay.domain.effects import Effects
from mainstay.domain.entities import Edge, Entity
from mainstay.domain.models import Deployment, VersionRef
from mainstay.mlops.training.due import Standing, due
from mainstay.mlops.training.peers import Profile, likeness, nearest
from mainstay.mlops.training.preparing import Prepares
from mainstay.settings import Retraining

profiles = st.builds(
    Profile,
    metrics=st.frozensets(st.sampled_from("abcd")),
    tier=st.sampled_from([None, 1, 2]),
    environment=st.sampled_from(["", "prod"]),
    callers=st.integers(0, 20),
    callees=st.integers(0, 20),
)


@given(profiles, profiles)
def test_likeness_is_a_share_and_the_same_both_ways(one, other):
    assert 0.0 <= likeness(one, other) <= 1.0
    assert likeness(one, other) == likeness(other, one)


def test_the_nearest_is_found_and_nobody_when_none_is_alike():
    web = Profile(frozenset({"latency", "cpu"}), 1, "prod", 2, 3)
    shop = Profile(frozenset({"latency", "cpu", "heap"}), 1, "prod", 2, 2)
    queue = Profile(frozenset({"depth"}), 3, "test", 9, 0)
    assert nearest(web, {"service=queue": queue, "service=shop": shop})[0] == "service=shop"
    assert nearest(web, {"service=queue": queue}) is None
    assert nearest(web, {}) is None


@pytest.fixture
def world(tmp_path):
    """Services a (with a version of its own), b (unlike) and cold, which was never heard."""
    made = World(tmp_path / "w")
    entities = {
        name: Entity(id=f"service:lab/{name}", kind="service", name=name, environment="lab", tier=tier)
        for name, tier in (("a", 1), ("b", 3), ("cold", 1))
    }
    effects = Effects(decided_seq=1)
    effects.entities.update({one.id: one for one in entities.values()})
    edge = Edge(caller="service:lab/x", callee="service:lab/cold")
    effects.edges[edge.caller, edge.callee] = edge
    made.control.commit(effects)
    metrics = {"service:lab/a": ["latency"], "service:lab/b": ["depth"], "service:lab/cold": ["latency"]}
    made.prepares = Prepares(
        made.telemetry, made.control, made.registry, made.folder / "datasets", pages_per_week=7,
        metrics_of=lambda name: metrics[name],
    )  # fmt: skip
    yield made
    made.close()


def deployed(world, scope, **parameters) -> VersionRef:
    made = world.registry.vary(VersionRef("edges", 1), parameters, by="ada", why="its own")
    world.control.save_deployment(Deployment(kind="edges", scope=scope, live=made.ref))
    return made.ref


def walk(world, run):
    asyncio.run(world.runs().run(run.id, plainly))
    return world.run(run.id)


def test_a_cold_service_borrows_from_the_nearest_that_has_its_own(world):
    own = deployed(world, "service=a", ratio=1.9)
    deployed(world, "service=b", ratio=2.2)
    done = walk(world, world.asked(scope="service=cold"))
    assert (done.status, done.version, done.borrowed_from) == ("live", own, "service=a")
    [asked] = world.rollouts.asked
    assert asked["version"] == str(own)
    assert asked["evidence"] == {"borrowed_from": "service=a"}
    assert len(world.registry.versions("edges")) == 3, "nothing was made"


def test_it_is_refused_when_there_is_no_peer_and_when_it_borrows_already(world):
    done = walk(world, world.asked(scope="service=cold"))
    assert done.status == "refused"
    assert "no edges data" in done.says
    own = deployed(world, "service=a", ratio=1.9)
    world.control.save_deployment(Deployment(kind="edges", scope="service=cold", live=own))
    request = msgspec.structs.replace(done.request, id="request-edges-2")
    from mainstay.mlops.training.runs import new_run

    world.store.save(again := new_run(request))
    assert walk(world, again).status == "unchanged"


def test_who_borrows_is_trained_again_when_it_may_have_its_own(world):
    own = deployed(world, "service=a", ratio=1.9)
    done = walk(world, world.asked(scope="service=cold"))
    live = Deployment(kind="edges", scope="service=cold", live=own, since_ms=AT_MS)
    standing = Standing(deployments=[live], runs=[done])
    policy = Retraining(age_s=0)
    assert due(policy, standing, AT_MS + 1_000) == [], "not yet"
    [request] = due(policy, standing, AT_MS + 7 * 3_600_000)
    assert "borrows from service=a" in request.why
    ended = msgspec.structs.replace(done, borrowed_from="", status="live")
    assert due(policy, Standing(deployments=[live], runs=[ended]), AT_MS + 7 * 3_600_000) == [], "it has its own"
