"""When a version should be made anew: by schedule, by drift, by verdicts, by age. A pure function of what is known."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import msgspec

from mainstay.domain.models import Deployment, ModelKind, ModelVersion
from mainstay.domain.training import TrainingRequest, TrainingRun, Trigger
from mainstay.domain.verdicts import Label
from mainstay.domain.watching import Finding
from mainstay.mlops.training.foretelling.learning import FITTED
from mainstay.mlops.training.knobs import KNOBS
from mainstay.mlops.training.material import TABLES
from mainstay.settings import Retraining

HOUR_MS = 3_600_000
FIRST_S = 7 * 86_400
"""What serves as it was shipped, because nothing has happened yet, is tried to be learned so often."""
DRIFTS = ("data_drift", "concept_drift")


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the scheduler looks at.

    Attributes:
        versions: By `name@number`, those that are live. runs: the newest first. findings: those that are open.
    """

    deployments: Sequence[Deployment] = ()
    versions: dict[str, ModelVersion] = {}
    runs: Sequence[TrainingRun] = ()
    labels: Sequence[Label] = ()
    findings: Sequence[Finding] = ()


def due(policy: Retraining, standing: Standing, now_ms: int) -> list[TrainingRequest]:
    """What should be trained now: at most one request per kind and scope, for the most telling reason.

    None while a training of the kind and scope runs, and none within `cooldown_s` of the last one. Asked again, the
    same reasons give the same request, so a scheduler that was killed begins nothing twice.
    """
    found = []
    for one in standing.deployments:
        if one.kind not in KNOBS and one.kind not in FITTED:
            continue  # nothing of it is fitted here
        last = next((run for run in standing.runs if _is_of(run, one.kind, one.scope)), None)
        if last is not None and (last.status == "running" or now_ms - last.started_ms < policy.cooldown_s * 1000):
            continue
        reason = _reason(policy, standing, one, last, now_ms)
        if reason is not None:
            found.append(_request(policy, one, reason, now_ms))
    return found


Reason = tuple[Trigger, str, tuple[str, ...]]


def _reason(
    policy: Retraining, standing: Standing, live: Deployment, last: TrainingRun | None, now_ms: int
) -> Reason | None:
    since_ms = last.started_ms if last else 0
    drifts = [f for f in standing.findings if _asks(f, live) and f.at_ms > since_ms]
    if policy.by_drift and drifts:
        return "drift", drifts[0].says, tuple(f.id for f in drifts)
    words = [one for one in standing.labels if one.model == live.live.model and one.at_ms > since_ms]
    if policy.verdicts and len(words) >= policy.verdicts:
        return "verdicts", f"{len(words)} verdicts since the last training", tuple(one.id for one in words[-20:])
    return _by_time(policy, standing, live, last, now_ms) if live.kind in TABLES else None  # judges learn from words


def _by_time(
    policy: Retraining, standing: Standing, live: Deployment, last: TrainingRun | None, now_ms: int
) -> Reason | None:
    if last is not None and last.borrowed_from and last.status == "live":
        return "age", f"it borrows from {last.borrowed_from}: it may have a history of its own by now", (last.id,)
    version = standing.versions.get(str(live.live))
    if live.kind in FITTED and policy.age_s and version is not None and not version.experiment:
        since_s = (now_ms - max(live.since_ms, last.started_ms if last else 0)) / 1000
        if since_s < FIRST_S:
            return None
        return "age", f"{live.live} is as it was shipped: the past may teach it by now", (f"version-{live.live}",)
    age_s = (now_ms - _trained_ms(standing, live, last.started_ms if last else 0)) / 1000
    if policy.every_s and age_s >= policy.every_s:
        return "schedule", f"every {policy.every_s / 86_400:g} days", (f"version-{live.live}",)
    if policy.age_s and age_s >= policy.age_s:
        return "age", f"{live.live} is {age_s / 86_400:.0f} days old", (f"version-{live.live}",)
    return None


def _trained_ms(standing: Standing, live: Deployment, last_ms: int) -> int:
    version = standing.versions.get(str(live.live))
    return max(version.created_ms if version else live.since_ms, last_ms)


def _asks(finding: Finding, live: Deployment) -> bool:
    if finding.measure not in DRIFTS or finding.impact.asks != "retrain" or finding.ended_ms is not None:
        return False
    return finding.version == live.live and finding.scope in (live.scope, "*", "")


def _request(policy: Retraining, live: Deployment, reason: Reason, now_ms: int) -> TrainingRequest:
    trigger, why, rests_on = reason
    name = hashlib.sha256("\x1f".join((live.kind, live.scope, trigger, *rests_on)).encode()).hexdigest()[:12]
    if trigger in ("schedule", "age"):
        name = f"{name}-{now_ms // HOUR_MS}"  # a version that stays the best comes of age again
    return TrainingRequest(
        id=f"request-{live.kind}-{name}",
        kind=live.kind,
        scope=live.scope,
        trigger=trigger,
        why=why,
        trials=policy.trials,
        seed=policy.seed,
        at_ms=now_ms,
        rests_on=rests_on,
    )


def _is_of(run: TrainingRun, kind: ModelKind, scope: str) -> bool:
    return (run.request.kind, run.request.scope) == (kind, scope)


def newest(runs: Iterable[TrainingRun]) -> list[TrainingRun]:
    """Runs as the scheduler wants them."""
    return sorted(runs, key=lambda run: (-run.started_ms, run.id))
