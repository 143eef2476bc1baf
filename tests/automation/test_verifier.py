"""Verification asks the signals: ended in time, stayed so, and still speaking. Silence is not health."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from tests.automation.world import ENTITY, NOW_MS, alert, incident, plan

from mainstay.domain.effects import Effects
from mainstay.domain.incidents import Grouping
from mainstay.domain.models import VersionRef
from mainstay.domain.runbooks import Verify


def verified(world, **verify):
    made = plan(verify=Verify(**{"within_s": 30.0, "quiet_s": 5.0, **verify}))
    return asyncio.run(world.verifier(made))


def test_alerts_that_end_and_stay_ended_are_health(world):
    world.heal_after(10)
    found = verified(world)
    assert found.is_true
    assert "1 alerts ended after 10 s and stayed ended for 5 s" in found.says
    assert world.clock.at_ms == NOW_MS + 15_000


def test_alerts_that_go_on_are_not(world):
    found = verified(world)
    assert (found.is_true, found.says) == (False, f"after 30 s still firing: latency on {ENTITY}")


def test_alerts_that_end_too_late_are_not(world):
    world.heal_after(31)
    assert not verified(world).is_true


def test_an_alert_that_comes_back_begins_the_quiet_anew(world):
    world.heal_after(5)
    back = []

    def relapse(now_ms):
        if now_ms >= NOW_MS + 8_000 and not back:
            back.append(now_ms)
            world.heal(status="firing")
            world.heal_after(4)

    world.clock.on_sleep.append(relapse)
    found = verified(world)
    assert found.is_true
    assert world.clock.at_ms >= NOW_MS + 17_000


def test_flapping_until_the_time_is_over_is_not_health(world):
    def flap(now_ms):
        world.heal("resolved" if (now_ms - NOW_MS) // 3000 % 2 else "firing")

    world.clock.on_sleep.append(flap)
    assert not verified(world).is_true


def test_a_target_that_never_speaks_for_itself_is_judged_by_those_that_do(world):
    world.heal_after(10)
    made = plan(targets=("database:lab/orders-db",), verify=Verify(within_s=30.0, quiet_s=5.0))
    world.heard["database:lab/orders-db"] = None
    found = asyncio.run(world.verifier(made))
    assert (found.is_true, found.says.endswith(f"while {ENTITY} kept reporting")) == (True, True)


def test_where_nobody_ever_spoke_nothing_is_known(world):
    world.heal_after(10)
    world.heard[ENTITY] = None
    found = verified(world)
    assert (found.is_true, "nothing was ever heard" in found.says) == (False, True)


@pytest.mark.parametrize("last_heard", [NOW_MS - 1, NOW_MS + 9_999])
def test_silence_is_not_health(world, last_heard):
    """The alerts ended because nobody speaks any more: at 10 s; the last word came before that."""
    world.heal_after(10)
    world.heard[ENTITY] = last_heard
    found = verified(world)
    assert not found.is_true
    assert f"{ENTITY} fell silent" in found.says


def test_without_an_alert_nothing_can_be_verified(world):
    made = plan(incident="INC-8")
    found = asyncio.run(world.verifier(made))
    assert (found.is_true, "nothing can be verified" in found.says) == (False, True)


def committed(world, incident_, *alerts):
    effects = Effects(decided_seq=world.control.decided_seq + 1)
    effects.incidents[incident_.id] = incident_
    effects.alerts.update({made.id: made for made in alerts})
    world.control.commit(effects)
    world._seq = world.control.decided_seq


def with_victim():
    ref = VersionRef("correlator", 1)
    second = Grouping(alert="a2", at_ms=NOW_MS, why="caller", decided_by=ref)
    return msgspec.structs.replace(incident(), groupings=(*incident().groupings, second))


def test_all_alerts_of_the_incident_count_unless_one_entity_is_named(world):
    committed(world, with_victim(), alert("a2", entity="service:lab/web"))
    world.heal_after(3)
    assert not verified(world).is_true
    world.heal("firing")
    world.clock.on_sleep.clear()
    world.heal_after(3)
    assert verified(world, entity=ENTITY).is_true


def test_alerts_move_with_an_incident_that_is_merged(world):
    merged = msgspec.structs.replace(incident(), status="merged", merged_into="INC-9")
    into = msgspec.structs.replace(with_victim(), id="INC-9")
    committed(world, merged, alert("a2", entity="service:lab/web"))
    committed(world, into)
    world.heal_after(3)
    found = verified(world)
    assert (found.is_true, "web" in found.says) == (False, True)
