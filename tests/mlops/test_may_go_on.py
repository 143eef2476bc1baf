"""May a version go on? A step of a delivery pipeline gets an answer that it can act on."""

from __future__ import annotations

import msgspec
import pytest

from mainstay.domain.models import VersionRef
from mainstay.domain.rollouts import GateResult, Rollout
from mainstay.domain.watching import Standing
from mainstay.mlops.rollouts.gates import may_go_on

NEW = VersionRef("edges", 2)
ROLLOUT = Rollout(id="r", kind="edges", champion=VersionRef("edges", 1), challenger=NEW, says="20 incidents, 0 missed")
SOUND = Standing(version=NEW, scope="*", is_sound=True)
DRIFTING = Standing(version=NEW, scope="*", is_sound=False, reasons=("drifting",), says=("edges@2 drifts",))


def at(stage, verdict=None):
    result = GateResult(verdict=verdict, reasons=("3 incidents, needs 20",)) if verdict else None
    return msgspec.structs.replace(ROLLOUT, stage=stage, result=result)


@pytest.mark.parametrize(
    ("rollout", "standing", "verdict", "reason"),
    [
        (None, SOUND, "not_enough", "no rollout has judged it"),
        (None, DRIFTING, "failed", "edges@2 drifts"),
        (at("shadow"), SOUND, "not_enough", "no window of it is over yet"),
        (at("shadow", "not_enough"), SOUND, "not_enough", "3 incidents, needs 20"),
        (at("canary", "failed"), SOUND, "failed", "3 incidents, needs 20"),
        (at("canary", "passed"), SOUND, "not_enough", "it is in canary"),
        (at("refused"), SOUND, "failed", "refused: 20 incidents, 0 missed"),
        (at("rolled_back"), SOUND, "failed", "rolled back: 20 incidents, 0 missed"),
        (at("live", "passed"), SOUND, "passed", "20 incidents, 0 missed"),
        (at("live", "passed"), DRIFTING, "failed", "edges@2 drifts"),
    ],
)
def test_its_gates_and_whether_it_stands(rollout, standing, verdict, reason):
    said = may_go_on(rollout, standing)
    assert (said.verdict, said.reasons) == (verdict, (reason,))
