"""What Mainstay knows of its versions, written into an MLflow server: runs, metrics, versions, aliases."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mainstay.domain.errors import NotFound
from mainstay.mlops.own.mlflow.server import Mlflow

EXPERIMENT = "mainstay"
VERSION, ARTEFACT, KIND = "mainstay.version", "mainstay.artefact", "mainstay.kind"
MOST_PARAMETERS, LONGEST_PARAMETER = 100, 6000  # MLflow's own limits of a batch and of a value
ALIASES = ("champion", "challenger")

Page = Mapping[str, Any]
"""One model as `GET /api/v1/models` tells it."""


@dataclass(slots=True)
class Mirrored:
    """What one mirroring wrote; all zero when the server knew it already."""

    models: int = 0
    versions: int = 0
    metrics: int = 0
    aliases: int = 0


def mirror(server: Mlflow, pages: Sequence[Page], now_ms: int, prefix: str = "mainstay-") -> Mirrored:
    """Write what is new. A version that the server has (same version, same artefact) is not written twice.

    Aliases are of the deployments everywhere (`*`): champion is live; challenger is the canary, or the shadow.
    """
    done = Mirrored()
    experiment = _experiment(server)
    aliased = aliases_of(pages)
    for page in pages:
        model = prefix + page["name"]
        before = _registered(server, model, page, done)
        known = _versions(server, model)
        for version in sorted(page["versions"], key=lambda one: one["ref"]["version"]):
            ref = _name(version["ref"])
            figures = figures_of(version, page.get("scorecard", ()))
            theirs = known.get((ref, version["artefact"]))
            if theirs is None:
                run = _run(server, experiment, version)
                theirs = known[ref, version["artefact"]] = _version(server, model, version, run)
                done.versions += 1
            done.metrics += _measure(server, theirs["run_id"], figures, now_ms)
        numbers = {_name(v["ref"]): known[_name(v["ref"]), v["artefact"]]["version"] for v in page["versions"]}
        wanted = {alias: numbers[ref] for alias, ref in aliased.get(page["name"], {}).items() if ref in numbers}
        done.aliases += _alias(server, model, before, wanted)
    return done


def aliases_of(pages: Sequence[Page]) -> dict[str, dict[str, str]]:
    """Model → alias → version, from what is deployed everywhere.

    >>> live, shadow = {"model": "edges", "version": 1}, {"model": "mine", "version": 3}
    >>> aliases_of([{"deployment": {"live": live, "shadow": shadow, "canary": None}}])
    {'edges': {'champion': 'edges@1'}, 'mine': {'challenger': 'mine@3'}}
    """
    found: dict[str, dict[str, str]] = {}
    for page in pages:
        one = page.get("deployment") or {}
        for alias, ref in zip(ALIASES, (one.get("live"), one.get("canary") or one.get("shadow")), strict=True):
            if ref:
                found.setdefault(ref["model"], {})[alias] = _name(ref)
    return found


def figures_of(version: Mapping[str, Any], scorecard: Sequence[Any]) -> dict[str, float]:
    """A version's metrics, and what verdicts say of it, as numbers that MLflow takes."""
    told = [score for score in scorecard if isinstance(score, Mapping) and score.get("ref") == version["ref"]]
    said = {f"verdicts.{name}": value for one in told for name, value in one.items()}
    shares = {name: value["value"] for name, value in said.items() if isinstance(value, Mapping) and "value" in value}
    named = {**version.get("metrics", {}), **said, **shares}
    numbers = {name: value for name, value in named.items() if isinstance(value, int | float)}
    return {name: float(value) for name, value in numbers.items() if math.isfinite(value)}


def _experiment(server: Mlflow) -> str:
    try:
        return str(server.get("experiments/get-by-name", experiment_name=EXPERIMENT)["experiment"]["experiment_id"])
    except NotFound:
        return str(server.post("experiments/create", name=EXPERIMENT)["experiment_id"])


def _registered(server: Mlflow, model: str, page: Page, done: Mirrored) -> dict[str, str]:
    """The aliases that the registered model has; made when there is none."""
    try:
        found = server.get("registered-models/get", name=model)["registered_model"]
    except NotFound:
        tags = [{"key": KIND, "value": page["kind"]}]
        server.post("registered-models/create", name=model, tags=tags, description="mirrored from Mainstay")
        done.models += 1
        return {}
    return {one["alias"]: str(one["version"]) for one in found.get("aliases", ())}


def _versions(server: Mlflow, model: str) -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    for one in server.pages("model-versions/search", "model_versions", filter=f"name='{model}'"):
        tags = _tags(one.get("tags", ()))
        found[tags.get(VERSION, ""), tags.get(ARTEFACT, "")] = dict(one)
    return found


def _run(server: Mlflow, experiment: str, version: Mapping[str, Any]) -> str:
    """The run that stands for the making of a version; found again when a mirroring was cut off after it."""
    ref, artefact = _name(version["ref"]), version["artefact"]
    asked = {"filter": f"tags.`{VERSION}` = '{ref}' and tags.`{ARTEFACT}` = '{artefact}'"}
    found = next(server.pages("runs/search", "runs", by_post=True, experiment_ids=[experiment], **asked), None)
    if found is not None:
        return str(found["info"]["run_id"])
    tags = [{"key": key, "value": str(value)} for key, value in _facts(version)]
    at_ms = version["created_ms"]
    made = server.post("runs/create", experiment_id=experiment, start_time=at_ms, run_name=ref, tags=tags)
    run = str(made["run"]["info"]["run_id"])
    given = [{"key": k, "value": _value(v)} for k, v in sorted(version.get("parameters", {}).items())]
    for at in range(0, len(given), MOST_PARAMETERS):
        server.post("runs/log-batch", run_id=run, params=given[at : at + MOST_PARAMETERS])
    server.post("runs/update", run_id=run, status="FINISHED", end_time=at_ms)
    return run


def _facts(version: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield VERSION, _name(version["ref"])
    for name in ("artefact", "kind", "algorithm", "dataset", "code_version", "created_by", "why", "attestation"):
        if version.get(name):
            yield f"mainstay.{name}", str(version[name])[:LONGEST_PARAMETER]


def _version(server: Mlflow, model: str, version: Mapping[str, Any], run: str) -> dict[str, Any]:
    tags = [{"key": key, "value": value} for key, value in _facts(version)]
    source = f"mainstay://artefacts/{version['artefact']}"
    about = version.get("why", "")
    made = server.post("model-versions/create", name=model, source=source, run_id=run, tags=tags, description=about)
    return dict(made["model_version"])


def _measure(server: Mlflow, run: str, figures: Mapping[str, float], now_ms: int) -> int:
    """Log the figures that are not what the run last said."""
    if not figures:
        return 0
    data = server.get("runs/get", run_id=run)["run"].get("data", {})
    said = {one["key"]: float(one["value"]) for one in data.get("metrics", ())}
    new = {name: value for name, value in figures.items() if said.get(name) != value}
    if new:
        rows = [{"key": k, "value": v, "timestamp": now_ms, "step": 0} for k, v in new.items()]
        server.post("runs/log-batch", run_id=run, metrics=rows)
    return len(new)


def _alias(server: Mlflow, model: str, before: Mapping[str, str], wanted: Mapping[str, str]) -> int:
    changed = 0
    for alias in ALIASES:
        if alias in wanted and before.get(alias) != str(wanted[alias]):
            server.post("registered-models/alias", name=model, alias=alias, version=str(wanted[alias]))
            changed += 1
        elif alias in before and alias not in wanted:
            server.delete("registered-models/alias", name=model, alias=alias)
            changed += 1
    return changed


def _name(ref: Mapping[str, Any]) -> str:
    return f"{ref['model']}@{ref['version']}"


def _value(value: Any) -> str:
    return (value if isinstance(value, str) else json.dumps(value))[:LONGEST_PARAMETER]


def _tags(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {one["key"]: one["value"] for one in tags}
