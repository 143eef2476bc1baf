"""What the fixture server says of rollouts, drift, lineage, experiments, cards and models in production."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from tests.console.samples import HOSTILE, MINUTE

from mainstay.domain.models import VersionRef
from mainstay.domain.predictions import FeatureDrift, GroupOutcome, InProduction
from mainstay.domain.rollouts import CoursePoint, Evidence, GatePolicy, GateResult, Rollout
from mainstay.domain.training import DatasetQuery, DatasetSnapshot, Experiment, FeatureView, QualityReport, Trial
from mainstay.domain.watching import Finding, Impact, InventoryRow, ModelRiskPart, RiskScore, Standing
from mainstay.mlops.governance.served import evenness
from mainstay.mlops.watching.production import gate

LIVE, CHALLENGER = VersionRef("metrics", 2), VersionRef("metrics", 3)
CARD = f"---\nlicense: other\n---\n\n# metrics@2\n\n## In plain words\n\nIt stands. {HOSTILE}\n\n- one\n- two\n"


def listed(now_ms: int, *, is_calm: bool) -> dict[str, Callable[[], Any]]:
    return {
        "rollouts": lambda: [] if is_calm else [msgspec.structs.replace(a_rollout(now_ms), course=())],
        "gate-policy": lambda: {"in_force": GatePolicy(), "edits": []},
        "models-drift": lambda: {"findings": [] if is_calm else [a_finding(now_ms)], "kinds": {}},
        "production-models": lambda: [] if is_calm else [in_production(now_ms)],
        "models-inventory": lambda: [] if is_calm else [a_row(now_ms)],
    }


def about(page: dict[str, Any], rest: list[str], *, world_ms: int) -> Any:
    match rest:
        case [what] if not page:
            return of_production(what, world_ms)
        case []:
            return page
        case ["experiments"]:
            return [an_experiment(world_ms)] if page["name"] == "metrics" else []
        case ["versions", number, what]:
            ref = VersionRef(page["name"], int(number))
            made: dict[str, Callable[[], Any]] = {
                "standing": lambda: Standing(version=ref, scope="*", is_sound=True),
                "risk": lambda: RiskScore(
                    version=ref, value=5, parts=(ModelRiskPart(name="owner", points=5, says="nobody answers for it"),)
                ),
                "card": lambda: CARD,
                "lineage": lambda: lineage(ref, world_ms),
            }
            return made[what]()
    raise KeyError("/".join(rest))


def a_rollout(now_ms: int) -> Rollout:
    return Rollout(
        id="rollout-1",
        kind="metrics",
        champion=LIVE,
        challenger=CHALLENGER,
        stage="canary",
        by="ada",
        why=HOSTILE,
        stage_since_ms=now_ms - 6 * MINUTE,
        windows=6,
        course=tuple(
            CoursePoint(
                at_ms=now_ms - (12 - i) * MINUTE,
                stage="shadow" if i < 6 else "canary",
                champion=i % 6 * 2,
                challenger=i % 6,
                both=i % 6,
            )
            for i in range(12)
        ),
        evidence=Evidence(both=2, champion_only=1),
        result=GateResult(verdict="not_enough", reasons=("3 incidents, needs 20",)),
        says="in canary",
    )


def a_finding(now_ms: int) -> Finding:
    return Finding(
        id="f1",
        measure="data_drift",
        kind="metrics",
        version=LIVE,
        scope="*",
        value=0.4,
        threshold=0.2,
        unit="psi",
        since_ms=now_ms - 60 * MINUTE,
        at_ms=now_ms,
        says="latency of payments moved from 0.2 to 0.4 s",
        impact=Impact(asks="retrain"),
    )


def in_production(now_ms: int) -> InProduction:
    return InProduction(
        entity="model:prod/fraud",
        version="7",
        predictions=1200,
        labelled=300,
        last_ms=now_ms,
        is_known=True,
        firing=("features",),
        drift=(FeatureDrift(feature=HOSTILE, psi=0.41, missing=0.02),),
        loss_before=0.08,
        loss_now=0.19,
        groups=(GroupOutcome(group="eu", labelled=120, wrong=30, mean_loss=0.2),),
    )


def of_production(what: str, now_ms: int) -> Any:
    made: dict[str, Callable[[], Any]] = {
        "gate": lambda: gate(in_production(now_ms), predictions=600, labels=100),
        "bias": lambda: evenness(in_production(now_ms)),
        "card": lambda: CARD.replace("metrics@2", "fraud@7"),
    }
    return made[what]()


def a_row(now_ms: int) -> InventoryRow:
    return InventoryRow(
        model="fraud", kind="production", live="fraud@7", versions=1, owner=HOSTILE, purpose="stops stolen cards",
        materiality="high", validator="bob", validated_ms=now_ms - 90 * MINUTE, next_review_ms=now_ms - MINUTE,
        is_overdue=True, open_findings=("features: not what it was",), risk=55,
    )  # fmt: skip


def _snapshot(now_ms: int) -> DatasetSnapshot:
    span = {"since_ms": now_ms - 600 * MINUTE, "until_ms": now_ms}
    query = DatasetQuery(kind="metrics", **span)
    return DatasetSnapshot(digest="ab" * 32, query=query, row_count=48_000, rows="cd" * 32, **span)


def an_experiment(now_ms: int) -> Experiment:
    return Experiment(
        id="experiment-1",
        model="metrics",
        kind="metrics",
        scope="*",
        snapshot=_snapshot(now_ms),
        feature_view=FeatureView(name="series", version=1),
        quality=QualityReport(passed=True),
        trials=(
            Trial(number=4, knobs={"threshold": 5.5}, metrics={"loss": 0.12}, rank=1),
            Trial(number=0, metrics={"loss": 0.2}, rank=2),
        ),
        version=CHALLENGER,
        at_ms=now_ms,
        says="fewer false pages on what nobody trained on",
    )


def lineage(ref: VersionRef, now_ms: int) -> dict[str, Any]:
    return {
        "version": ref,
        "dataset": _snapshot(now_ms),
        "experiment": an_experiment(now_ms),
        "parents": [],
        "children": [CHALLENGER],
        "deployments": [{"at_ms": now_ms, "role": "live", "scope": "*"}],
        "caused": {"alert": 12, "incident": 2},
    }
