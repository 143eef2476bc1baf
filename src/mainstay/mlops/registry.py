"""The registry: which model versions exist, byte for byte, and who made them why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, get_args

import msgspec

import mainstay
from mainstay.domain.errors import BadInput, Corrupt, MainstayError, NotFound, Refused
from mainstay.domain.ledger import Entry
from mainstay.domain.models import Deployment, ModelKind, ModelVersion, VersionRef
from mainstay.domain.protocols import Clock
from mainstay.domain.views import Audited
from mainstay.mlops.artefacts import Artefacts, canonical
from mainstay.mlops.own.building import built, source_named, state_named
from mainstay.mlops.trust.bill import bill
from mainstay.mlops.trust.signing import Keys
from mainstay.mlops.trust.statement import Statement, attest, check
from mainstay.models.catalogue import SHIPPED, build_together, defaults_of
from mainstay.models.checks import Pure, Streaming

KINDS: tuple[ModelKind, ...] = get_args(ModelKind)


class Keeps(Protocol):
    """What the registry needs of the control store."""

    def versions(self, model: str | None = None) -> Sequence[ModelVersion]: ...
    def version(self, ref: VersionRef) -> ModelVersion | None: ...
    def save_version(self, version: ModelVersion, entries: Iterable[Entry] = ()) -> None: ...
    def deployments(self, kind: ModelKind | None = None) -> Sequence[Deployment]: ...
    def save_deployment(self, deployment: Deployment, entries: Iterable[Entry] = ()) -> None: ...


class Registry:
    """Registers immutable versions and loads them again.

    A version is its artefact: algorithm, state format and parameters as canonical JSON under its digest. The same
    content registered twice is the same version, so nothing gets a second name by being trained again. Each is signed
    when it is made, and verified whenever it is loaded: unsigned or altered is not served.
    """

    def __init__(self, control: Keeps, artefacts: Path, clock: Clock, keys: Keys) -> None:
        self._control, self._clock, self._keys = control, clock, keys
        self.artefacts = Artefacts(artefacts)

    def register(
        self, kind: ModelKind, algorithm: str, parameters: Mapping[str, Any], *, by: str, why: str, **facts: Any
    ) -> ModelVersion:
        """Make a version of these parameters, or find the one that has them.

        One that is no longer served (unsigned, altered, its key no longer trusted) is not found: the same content gets
        a new number, signed now.

        `facts` is what else is known of it: `dataset`, `metrics`, `parent`, `model` (its name if not that of the kind).

        Raises:
            NotFound: No such algorithm.
            msgspec.ValidationError: The algorithm does not accept these parameters.
        """
        built(algorithm, parameters, self.artefacts)  # whatever it refuses is refused here, not when it is deployed
        model = str(facts.pop("model", kind))
        content = {
            "format": 1,
            "kind": kind,
            "algorithm": algorithm,
            "state": state_named(algorithm),
            "parameters": dict(parameters),
        }
        source = source_named(algorithm)
        if source:  # another release of the user's package is another version: it may decide otherwise
            content["source"] = source
        digest = self.artefacts.keep(canonical(content))
        known = self._control.versions(model)
        for version in known:
            if version.artefact == digest and self._is_verified(version):
                return version
        ref = VersionRef(model, max((v.ref.version for v in known), default=0) + 1)
        version = ModelVersion(
            ref=ref,
            kind=kind,
            algorithm=algorithm,
            artefact=digest,
            parameters=dict(parameters),
            created_by=by,
            why=why,
            code_version=f"{mainstay.__version__}, {source}" if source else mainstay.__version__,
            created_ms=self._now_ms(),
            **facts,
        )
        envelope = attest(version, self.artefacts.keep(bill()), self._keys)
        version = msgspec.structs.replace(version, attestation=self.artefacts.keep(envelope))
        self._control.save_version(version, [self._entry(version)])
        return version

    def vary(self, ref: VersionRef, parameters: Mapping[str, Any], *, by: str, why: str) -> ModelVersion:
        """A new version that differs from this one in these parameters; the one that exists if nothing differs.

        Raises:
            NotFound: No such version.
            BadInput: The algorithm has no such parameter, or does not accept the value.
        """
        parent = self.version(ref)
        unknown = sorted(set(parameters) - set(parent.parameters))
        if unknown:
            known = ", ".join(sorted(parent.parameters))
            raise BadInput(f"{parent.algorithm} has no parameter {unknown[0]!r}; it has {known}")
        try:
            return self.register(
                parent.kind,
                parent.algorithm,
                {**parent.parameters, **parameters},
                by=by,
                why=why,
                parent=ref,
                model=ref.model,
            )
        except (msgspec.ValidationError, TypeError, ValueError) as error:
            raise BadInput(f"{parent.algorithm} does not accept these parameters: {error}") from None

    def version(self, ref: VersionRef) -> ModelVersion:
        """The metadata of one version."""
        found = self._control.version(ref)
        if found is None:
            raise NotFound(f"there is no model version {ref}; `mainstay models list` shows those that exist")
        return found

    def versions(self, model: str | None = None) -> Sequence[ModelVersion]:
        """Every version, or those of one model."""
        return self._control.versions(model)

    def deployments(self) -> dict[ModelKind, dict[str, Deployment]]:
        """What serves each kind, by scope; at first start the shipped defaults are registered and deployed."""
        kept: dict[ModelKind, dict[str, Deployment]] = {kind: {} for kind in KINDS}
        for deployment in self._control.deployments():
            kept[deployment.kind][deployment.scope] = deployment
        for kind in KINDS:
            shipped = self.register_shipped(kind)
            if "*" not in kept[kind]:
                first = kept[kind]["*"] = Deployment(kind=kind, live=shipped.ref, since_ms=self._now_ms())
                self._control.save_deployment(first, [deployed(first, None, "mainstay", "first start")])
        return kept

    def stand_in(self, deployment: Deployment) -> tuple[Deployment, str]:
        """The deployment with versions that can be served today, kept and written into the ledger when that changes
        anything; and what is wrong with the one that cannot be.

        Raises:
            Corrupt: Not even the shipped version can be served.
        """  # noqa: D205
        live, says = self.trusted(deployment)
        beside = {
            role: ref
            for role, ref in (("shadow", deployment.shadow), ("canary", deployment.canary))
            if ref is not None and not self._is_served(ref)
        }
        if not says and not beside:
            return deployment, ""
        wanted = msgspec.structs.replace(deployment, live=live, **dict.fromkeys(beside))
        if says:
            wanted = msgspec.structs.replace(wanted, previous=None, since_ms=self._now_ms())
            says = f"{deployment.kind}: {deployment.live} is not served, {live} decides in its place: {says}"
        why = says or f"{', '.join(map(str, beside.values()))} cannot be served any more"
        self._control.save_deployment(wanted, [deployed(wanted, deployment, "mainstay", why)])
        return wanted, says

    def register_shipped(self, kind: ModelKind) -> ModelVersion:
        """The version that this release ships for a kind. A newer release registers its own beside the old one, and
        leaves it to people to deploy it."""  # noqa: D205, D209
        algorithm = SHIPPED[kind]
        return self.register(
            kind, algorithm, defaults_of(algorithm), by="mainstay", why=f"shipped with {mainstay.__version__}"
        )

    def load(self, ref: VersionRef) -> Streaming | Pure:
        """The algorithm of exactly this version, built from its artefact.

        Raises:
            NotFound: No such version, artefact or algorithm.
            Refused: Nobody whom this platform trusts signed it, the record is not what was signed, or its parameters
                are not those of the algorithm as it is here: another release made it.
            Corrupt: The artefact's bytes are not what was registered, or speak of another algorithm.
        """
        version, parameters = self._content(ref)
        try:
            return built(version.algorithm, parameters, self.artefacts)
        except ValueError as error:
            raise Refused(f"{ref} does not fit {version.algorithm} as it is in this release: {error}") from error

    def load_together(self, refs: Sequence[VersionRef], which: Callable[[str], int], mark: str) -> Streaming | None:
        """Several versions as one detector that asks `which` of them decides about an entity; None when they cannot.

        Raises:
            NotFound, Refused, Corrupt: As `load`.
        """
        contents = [self._content(ref) for ref in refs]
        if len({version.algorithm for version, _ in contents}) > 1:
            return None
        return build_together(contents[0][0].algorithm, [parameters for _, parameters in contents], which, mark)

    def trusted(self, deployment: Deployment) -> tuple[VersionRef, str]:
        """The version that can serve this deployment, and, when that is not its live one, why not.

        In its place serves the version before it, or the one that is shipped.
        """
        try:
            self.load(deployment.live)
        except MainstayError as error:
            says = str(error)
        else:
            return deployment.live, ""
        for ref in (deployment.previous, self.register_shipped(deployment.kind).ref):
            if ref is not None and ref != deployment.live and self._is_served(ref):
                return ref, says
        raise Corrupt(f"nothing can serve {deployment.kind}: {says}")

    def _is_served(self, ref: VersionRef) -> bool:
        try:
            self.load(ref)
        except MainstayError:
            return False
        return True

    def _content(self, ref: VersionRef) -> tuple[ModelVersion, dict[str, Any]]:
        version = self.version(ref)
        self.verified(version)
        content = self.artefacts.load(version.artefact)
        if content.get("algorithm") != version.algorithm or content.get("kind") != version.kind:
            raise Corrupt(
                f"the artefact of {ref} is of {content.get('algorithm')!r}, not {version.algorithm!r}: refused"
            )
        made_by, here = content.get("source", ""), source_named(version.algorithm)
        if made_by and made_by != here:
            raise Refused(
                f"{ref} was registered with {made_by}, and {here or 'nothing of it'} is installed: install that one, "
                f"or register {version.algorithm} again and deploy the new version"
            )
        return version, content["parameters"]

    def verified(self, version: ModelVersion) -> Statement:
        """What was signed of this version, when a trusted key signed it and it still says the same.

        Raises:
            Refused, Corrupt, NotFound: It is not to be served, and why.
        """
        if not version.attestation:
            raise Refused(f"{version.ref} is not signed: not served; register it again")
        return check(version, self.artefacts.read(version.attestation), self._keys)

    def audit(self) -> list[Audited]:
        """Every version: could it be served now, and if not, why not."""
        return [self._audited(version) for version in self.versions()]

    def rotate_key(self, by: str, append: Callable[[Entry], object]) -> str:
        """Sign with a new key from now on; its id. What the old key signed stays trusted.

        The ledger has the entry before the new key signs, so that none goes unrecorded.
        """

        def record(before: str, now: str) -> None:
            output = {"before": before, "now": now}
            name, at_ms = f"signing-key-{now[:16]}", self._now_ms()
            append(Entry(id=name, kind="policy", at_ms=at_ms, actor=by, subject="signing-key", output=output))

        return self._keys.rotate(record)

    def _is_verified(self, version: ModelVersion) -> bool:
        try:
            self.verified(version)
        except MainstayError:
            return False
        return True

    def _audited(self, version: ModelVersion) -> Audited:
        try:
            self.load(version.ref)
        except MainstayError as error:
            return Audited(version=version.ref, is_served=False, says=str(error))
        return Audited(version=version.ref, is_served=True, says="signed, and as it was signed")

    def _entry(self, version: ModelVersion) -> Entry:
        return Entry(
            id=f"version-{version.ref}",
            kind="version",
            at_ms=version.created_ms,
            actor=version.created_by,
            subject=str(version.ref),
            output={
                "artefact": version.artefact,
                "attestation": version.attestation,
                "algorithm": version.algorithm,
                "kind": version.kind,
                "why": version.why,
            },
            rests_on=tuple(str(named) for named in (version.parent, version.dataset, version.experiment) if named),
        )

    def _now_ms(self) -> int:
        return self._clock.now_ns() // 1_000_000


def deployed(now: Deployment, before: Deployment | None, by: str, why: str) -> Entry:
    """The ledger's word for a change of what serves."""
    return Entry(
        id=f"deployment-{now.name}-{now.since_ms}-{now.live}-{now.shadow or 'none'}"
        + (f"-{now.canary}" if now.canary else ""),
        kind="deployment",
        at_ms=now.since_ms,
        actor=by,
        subject=now.kind,
        rests_on=tuple(f"version-{ref}" for ref in (now.live, now.shadow, now.canary) if ref),
        output={
            "live": str(now.live),
            "shadow": str(now.shadow) if now.shadow else None,
            "canary": str(now.canary) if now.canary else None,
            "share": now.share,
            "scope": now.scope,
            "why": why,
            "before": str(before.live) if before else None,
        },
    )
