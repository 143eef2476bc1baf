"""What it costs to go through a deployment: the kernel alone, through 200 scopes of 20 versions, and shadowed.

Three of the same at once, turn by turn on the same batches, in CPU seconds of this thread.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from mainstay.bench.detect import Plant
from mainstay.domain.effects import Effects
from mainstay.domain.models import VersionRef
from mainstay.domain.records import Command
from mainstay.domain.signals import MetricBatch, Normal
from mainstay.mlops import Keys, Registry, Serving
from mainstay.mlops.scopes import EVERYWHERE, scope_for
from mainstay.models.catalogue import build_together
from mainstay.models.checks import Streaming
from mainstay.store.control import Control

WARM, TICKS = 40, 12
AT_MS = 1_767_225_600_000


class _Still:
    def now_ns(self) -> int:
        return AT_MS * 1_000_000


def serving(plant: Plant) -> dict[str, Any]:
    """All figures: each ratio is of CPU seconds for the same batches."""
    with tempfile.TemporaryDirectory(prefix="mainstay-bench-") as folder:
        scoped, shadowed = (_served(plant, Path(folder) / name, has_shadow=name == "b") for name in ("a", "b"))
        kernel = _kernel(scoped)
        series = Normal(new_series=_watched(plant))
        ways: dict[str, Callable[[Normal], object]] = {
            "kernel": kernel.score,
            "deployed": lambda normal: scoped.score("metrics", normal),
            "shadowed": lambda normal: shadowed.score("metrics", normal),
        }
        for way in ways.values():
            way(series)
        took = dict.fromkeys(ways, 0.0)
        for tick, batch in enumerate(plant.batches(WARM + TICKS)):
            for name, way in ways.items():
                took[name] += _cpu_s(way, batch) * (tick >= WARM)
        looked_at = float(shadowed.seat("metrics").slots(EVERYWHERE, shadowed.places).mean())
    points = plant.series * TICKS
    return {
        "series": plant.series,
        "scopes": plant.scopes,
        "versions": plant.versions,
        "points_per_s_kernel": round(points / took["kernel"]),
        "points_per_s_deployed": round(points / took["deployed"]),
        "points_per_s_shadowed": round(points / took["shadowed"]),
        "deployment_cost": round(took["deployed"] / took["kernel"] - 1.0, 4),
        "deployment_cost_allowed": 0.05,
        "shadow_ratio": round(took["shadowed"] / took["deployed"], 4),
        "shadow_ratio_allowed": 1.1,
        "shadow_share_of_series": round(looked_at, 4),
    }


def _cpu_s(way: Callable[[Normal], object], batch: MetricBatch) -> float:
    began = time.thread_time()
    way(Normal(metrics=batch, at_ns=int(batch.at_ns[-1])))
    return time.thread_time() - began


def _watched(plant: Plant) -> Any:
    """The plant's series; of the entities of each scope the odd ones are in it, the even ones belong to `*`."""
    return tuple(
        dataclasses.replace(one, entity=_named(*one.entity.removeprefix("service:bench/s").split("-")))
        for one in plant.watched()
    )


def _named(scope: str, number: str) -> str:
    is_in_scope = int(number) // 200 % 2
    return f"service:s{scope}/{number}" if is_in_scope else f"service:other/{number}"


def _served(plant: Plant, folder: Path, *, has_shadow: bool) -> Serving:
    """Serving with one deployment a scope; scopes share the versions."""
    folder.mkdir()
    control = Control(folder / "control.db", _Still())
    registry = Registry(control, folder / "artefacts", _Still(), Keys(folder / "keys"))
    found = Serving(registry)
    base = registry.version(VersionRef("metrics", 1))
    refs = [base.ref]
    for number in range(1, plant.versions):
        rules = [{**rule, "tau_s": rule["tau_s"] + number} for rule in base.parameters["rules"]]
        refs.append(registry.vary(base.ref, {"rules": rules}, by="bench", why="bench").ref)
    for scope in range(plant.scopes):
        _say(found, live=str(refs[scope % len(refs)]), shadow="none", scope=f"environment=s{scope}")
    if has_shadow:
        _say(found, shadow=str(refs[-1]), share="0.1")  # of the half that no scope names: 5 % of all
    return found


def _say(found: Serving, **arguments: str) -> None:
    command = Command(kind="deploy", by="bench", at_ms=AT_MS, subject="metrics", arguments=arguments)
    found.apply(command, Effects())


def _kernel(like: Serving) -> Streaming:
    """The detector alone, with the parameter table that the deployments lead to."""
    deployments = like.seat("metrics").deployments
    refs = list(dict.fromkeys(one.live for one in deployments.values()))
    parameters = [like.known(ref).parameters for ref in refs]
    at = {ref: i for i, ref in enumerate(refs)}

    def which(entity: str) -> int:
        return at[deployments[scope_for(entity, {}, deployments)].live]

    return cast("Streaming", build_together(like.known(refs[0]).algorithm, parameters, which, "bench"))
