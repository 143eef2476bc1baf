"""Models, their immutable versions, and the deployments through which alone a stage reaches them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Role = Literal["live", "shadow", "canary", "retired"]
ModelKind = Literal[
    "metrics", "logs", "edges", "entities", "predictions", "correlator", "diagnoser", "suppressor", "planner",
    "forecaster", "impact", "change-risk", "predictor", "similarity",
]  # fmt: skip


class VersionRef(msgspec.Struct, frozen=True, order=True):
    """Which model version decided. Written on every alert, grouping, suppression, suspect and plan.

    `rule/NAME@0` stands for a rule of the user's own (a Prometheus alert): named, but not ours to roll back.
    """

    model: str
    version: int

    def __str__(self) -> str:
        return f"{self.model}@{self.version}"

    @classmethod
    def parse(cls, text: str) -> VersionRef:
        """Read `name@7`.

        >>> VersionRef.parse("metrics@7").version
        7
        """
        name, at, number = text.rpartition("@")
        if not at or not number.isdigit():
            raise ValueError(f"a model version is written NAME@NUMBER, for instance metrics@7; got {text!r}")
        return cls(name, int(number))


class ModelVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable, content-addressed version of a model.

    Attributes:
        artefact: sha256 of the artefact's bytes; the same training on the same snapshot gives the same digest.
        algorithm: Name in the registry of algorithms, e.g. `robust-season`; says which class loads the artefact.
        dataset: Digest of the data it was fitted on; "" for a version of hand-set priors.
        attestation: Digest of the signed statement that binds this record to its artefact; unsigned is not served.
        feature_view: What it saw, `metrics/1`. experiment: The search that it came out of; "" when it was not trained.
        seed: Of the search; with the same data set it gives the same artefact.
    """

    ref: VersionRef
    kind: ModelKind
    algorithm: str
    artefact: str
    parameters: dict[str, Any] = {}
    dataset: str = ""
    code_version: str = ""
    parent: VersionRef | None = None
    metrics: dict[str, float] = {}
    created_ms: int = 0
    created_by: str = ""
    why: str = ""
    attestation: str = ""
    feature_view: str = ""
    experiment: str = ""
    seed: int = 0


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """Which versions serve one kind of decision in one scope. Rollback is a change of `live`.

    Attributes:
        scope: `*`, `environment=prod`, `tier=1` or `service=checkout`; the most specific one that there is decides.
        canary: Decides, beside `live`, about the `share` of entities that a stable hash draws.
        share: Of the entities that shadow or canary see; 1 is all.
        since_ms: When anything of it was changed last; `live_since_ms`: since when `live` decides, 0 as long.
        shadow_until_ms: When the shadow leaves by itself; 0 never.
    """

    kind: ModelKind
    scope: str = "*"
    live: VersionRef
    shadow: VersionRef | None = None
    previous: VersionRef | None = None
    since_ms: int = 0
    canary: VersionRef | None = None
    share: float = 1.0
    shadow_until_ms: int = 0
    live_since_ms: int = 0

    def role_of(self, ref: VersionRef) -> str:
        """What a version does there: live, canary, shadow, or nothing.

        >>> Deployment(kind="edges", live=VersionRef("edges", 2), shadow=VersionRef("mine", 1)).role_of(
        ...     VersionRef("mine", 1))
        'shadow'
        """
        roles = (("live", self.live), ("canary", self.canary), ("shadow", self.shadow))
        return next((role for role, one in roles if one == ref), "")

    @property
    def name(self) -> str:
        """Under which it is kept.

        >>> Deployment(kind="edges", live=VersionRef("edges", 1)).name
        'edges'
        """
        return self.kind if self.scope == "*" else f"{self.kind}|{self.scope}"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a version decided and everything that it looked at, so that it can be decided again later.

    `inputs` is JSON-able and complete: `decide(inputs)` of the same version gives `output`, byte for byte, after
    the telemetry has expired.
    """

    decided_by: VersionRef
    inputs: dict[str, Any]
    output: dict[str, Any]
