"""The stages wired to each other: the same for the platform, a replay, and an evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mainstay.app.assessing import assessing
from mainstay.app.commands import Commands
from mainstay.app.lately import Lately
from mainstay.automation import Catalogue, load_runbooks
from mainstay.automation.proposals import Proposals
from mainstay.automation.soundness import Unsound
from mainstay.correlate import Correlate
from mainstay.detect import Detect, read_calendar
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Topology
from mainstay.domain.errors import MainstayError
from mainstay.domain.incidents import Incident
from mainstay.domain.models import VersionRef
from mainstay.domain.pages import Page
from mainstay.domain.protocols import Clock
from mainstay.domain.records import Command
from mainstay.domain.runbooks import Plan
from mainstay.domain.watching import Standing
from mainstay.ingest import decode
from mainstay.intelligence.changes import ChangeWatch
from mainstay.intelligence.past import Past
from mainstay.intelligence.services import Services
from mainstay.mlops import Keys, Registry, Serving
from mainstay.mlops.watching.standing import Standings, scopes_of, upstream_of
from mainstay.mlops.watching.watch import Watch
from mainstay.normalize import Normalizer
from mainstay.outbox import pages_for
from mainstay.outlook import Outlooks
from mainstay.pipeline import Pipeline, Stages
from mainstay.settings import Receiver, Settings
from mainstay.store.control import Control
from mainstay.store.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Line:
    """One pipeline with its stores and the stages that somebody outside of it asks things of."""

    telemetry: Telemetry
    control: Control
    keys: Keys
    registry: Registry
    serving: Serving
    watch: Watch
    standings: Standings
    normalizer: Normalizer
    detect: Detect
    outlook: Outlooks
    correlate: Correlate
    services: Services
    proposals: Proposals
    catalogue: Catalogue
    pipeline: Pipeline

    def close(self) -> None:
        """Close the stores."""
        self.telemetry.close()
        self.control.close()


def wire(data: Path, settings: Settings, clock: Clock) -> Line:
    """Open the stores in `data` and put the stages in their order.

    Raises:
        BadFile: Mapping, catalog, calendar or a runbook cannot be read.
        Corrupt: A store is damaged.
    """
    catalogue = load_runbooks(settings.runbooks, force=settings.force_runbook)
    normalizer = Normalizer(settings.mapping or None, settings.catalog or None, keep_traces=settings.keep_traces)
    telemetry, control, keys, registry = _opened(data, settings, clock)

    def topology() -> Topology:
        return normalizer.topology

    serving = Serving(registry, topology)
    watch = Watch(serving, settings.watching, topology)
    standings = Standings(lambda: watch.findings, lambda: watch.health, lambda ref: _refused(registry, ref))
    detect = Detect(watch, settings.budget, settings.floors, topology, read_calendar(settings.calendar))
    outlook = Outlooks(watch, settings.outlook, topology)
    correlate = Correlate(watch)
    changes = ChangeWatch(watch, normalizer.resolve, settings.tick_s)
    past = Past(watch)
    services = Services(normalizer.last_heard_ms, lambda: outlook.standing)
    proposals = Proposals(catalogue, watch, topology, _unsound(settings, standings, topology, correlate))
    lately = Lately(control, lambda: pipeline.undecided)
    commands = Commands(serving, normalizer, detect, correlate, proposals, lately, settings.receiver)
    learners = normalizer.saw, detect.saw, outlook.saw, serving.saw, watch.saw
    stages = Stages(
        decode=decode,
        normalize=normalizer,
        detect=detect,
        outlook=outlook,
        correlate=correlate,
        changes=changes,
        services=services,
        assess=assessing(past, services, correlate, topology),
        learn=_in_turn(proposals.learn, past.saw, services.saw, *learners),
        propose=proposals.apply,
        pages=_paged(settings.receiver, correlate),
        command=_taken(commands, watch, past, changes, topology),
        stateful={
            "normalize": normalizer, "serving": serving, "watch": watch, "detect": detect, "outlook": outlook,
            "correlate": correlate, "changes": changes, "past": past, "services": services, "proposals": proposals,
        },
    )  # fmt: skip
    pipeline = Pipeline(stages, telemetry, control)
    return Line(
        telemetry, control, keys, registry, serving, watch, standings, normalizer, detect, outlook, correlate, services,
        proposals, catalogue, pipeline,
    )  # fmt: skip


def _opened(data: Path, settings: Settings, clock: Clock) -> tuple[Telemetry, Control, Keys, Registry]:
    """What is kept in a folder."""
    telemetry = Telemetry(
        data / "telemetry",
        retention_s=settings.retention_s,
        hot_s=settings.hot_s,
        memory_limit=settings.telemetry_memory,
    )
    control = Control(data / "control.db", clock)
    keys = Keys(data / "keys")
    return telemetry, control, keys, Registry(control, data / "artefacts", clock, keys)


def _paged(receiver: Receiver, correlate: Correlate) -> Callable[[Incident, Incident | None], Sequence[Page]]:
    """Whom the turn of an incident pages, with its alerts."""

    def paged(incident: Incident, before: Incident | None) -> Sequence[Page]:
        return pages_for(incident, before, receiver, correlate.alerts_of(incident.id))

    return paged


def _unsound(
    settings: Settings, standings: Standings, topology: Callable[[], Topology], correlate: Correlate
) -> Unsound:
    """Which models behind an incident and its plan do not stand, where the incident is."""

    def unsound(incident: Incident, plan: Plan, at_ms: int) -> Sequence[Standing]:
        if not settings.watching.gates_automation:
            return ()
        upstream = upstream_of(incident, correlate.alerts_of(incident.id), plan)
        return standings.unsound(upstream, scopes_of(incident.entities, topology().entities), at_ms)

    return unsound


def _in_turn(*learners: Callable[[Effects], None]) -> Callable[[Effects], None]:
    """After a record each of these sees what it led to."""

    def learned(effects: Effects) -> None:
        for learner in learners:
            learner(effects)

    return learned


def _taken(
    commands: Commands, watch: Watch, past: Past, changes: ChangeWatch, topology: Callable[[], Topology]
) -> Callable[[Command, Effects], None]:
    """Commands to where they belong; who answers for a model, how long it takes and who was rolled back concern the
    watch."""  # noqa: D205, D209

    def taken(command: Command, effects: Effects) -> None:
        if command.kind == "govern":
            watch.govern(command, effects)
        elif command.kind == "runtime":
            watch.ran(command)
        elif command.kind == "assess-change":
            changes.assess(command, topology(), effects)
        elif command.kind == "remember":
            past.command(command, effects)
        else:
            commands.apply(command, effects)
            past.command(command, effects)
        if command.kind == "rollback":
            watch.took_back(effects.deployments.values(), command.arguments.get("why", ""))

    return taken


def _refused(registry: Registry, ref: VersionRef) -> str:
    """Why a version could not be served if it were loaded now; "" when it could."""
    try:
        registry.load(ref)
    except MainstayError as error:
        return str(error)
    return ""
