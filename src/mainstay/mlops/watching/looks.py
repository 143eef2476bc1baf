"""From figures to findings: one function per measure, each with the number from which on it counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from mainstay.domain.effects import Effects
from mainstay.domain.entities import Entity
from mainstay.domain.models import ModelKind, VersionRef
from mainstay.domain.shares import told as in_words
from mainstay.domain.watching import Impact
from mainstay.mlops.watching.book import Book, Seen
from mainstay.mlops.watching.breadth import Breadth, breadth, is_demand_up
from mainstay.mlops.watching.characters import Judged
from mainstay.mlops.watching.impact import Raised, impact
from mainstay.mlops.watching.judgements import HALF, Judgements
from mainstay.mlops.watching.monitors import Cut
from mainstay.mlops.watching.promises import Promises
from mainstay.mlops.watching.runtime import SLOWER, Runtime
from mainstay.mlops.watching.surprise import WORST, Surprise
from mainstay.models.drift import DRIFTED, SIGNIFICANT

Which = tuple[VersionRef, ModelKind]
Moment = tuple[int, Effects]
RISE = 0.1
"""Of the mean surprise (0–1): below that ADWIN may be sure of a rise, and it is still nothing to speak of."""
FAR = 0.1
SLACK = 0.05
"""Five points beyond the interval: a probability that is wrong by less misleads nobody."""


@dataclass(frozen=True, slots=True)
class World:
    """What a look goes by beside the series themselves: who is there, who was in trouble, what came from outside."""

    entities: Mapping[str, Entity]
    troubled: set[str]
    demand: Sequence[Judged]
    raised: Sequence[Raised]


def drifted(sources: Sequence[Judged], world: World, which: Which, since_ms: int) -> Iterator[Seen]:
    """Data drift: the scopes in which what a version sees has changed its character (`breadth.py` has the rule)."""
    version, kind = which
    for found in breadth(sources, world.entities, world.troubled, world.demand):
        means = impact(found, version, world.raised, since_ms, world.entities)
        yield Seen(
            measure="data_drift",
            kind=kind,
            version=version,
            scope=found.scope,
            value=round(found.share, 4),
            threshold=round(found.needed, 4),
            unit="share of judged series that moved",
            says=_says(found, version, is_up=is_demand_up(world.demand)),
            impact=means,
        )


def scores(book: Book, surprise: Surprise, which: Which, moment: Moment) -> None:
    """Score drift: scores are spread otherwise than in the version's first span."""
    version, kind = which
    at_ms, effects = moment
    far, found = surprise.drift(), []
    if far is not None and far[0] >= DRIFTED and far[1] >= FAR and far[2] <= SIGNIFICANT:
        about = {"kind": kind, "version": version, "scope": "*"}
        says = f"the scores of {version} are spread otherwise than at first: PSI {far[0]:.2f}, KS {far[1]:.2f}"
        found = [_seen("score_drift", about, (far[0], DRIFTED, "PSI"), says, Impact(scopes=("*",), asks="look"))]
    book.look("score_drift", kind, found, at_ms, effects)


def runtime(book: Book, known: Runtime, which: Which, moment: Moment) -> None:
    """Runtime: it takes more than twice as long as when it began to serve."""
    version, kind = which
    at_ms, effects = moment
    before, now, found = known.before, known.now, []
    if before is not None and now is not None and known.slower >= SLOWER:
        about = {"kind": kind, "version": version, "scope": "*"}
        says = (
            f"{version} became slow: {now.ms_per_call:.1f} ms a call, {before.ms_per_call:.1f} when it began to serve; "
            f"{now.us_per_item:.1f} µs an item, {before.us_per_item:.1f} then (processor time)"
        )
        value = (known.slower, SLOWER, "times as long as when it began to serve")
        found = [_seen("runtime", about, value, says, Impact(scopes=("*",), asks="look"))]
    book.look("runtime", kind, found, at_ms, effects)


def calibration(book: Book, promises: Promises, live: Mapping[ModelKind, VersionRef], moment: Moment) -> None:
    """Whether the diagnoser's probabilities come true."""
    version = live.get("diagnoser")
    if version is None:
        return
    at_ms, effects = moment
    both, found = promises.calibration(str(version)), []
    if both is not None and not both[1].low - SLACK <= both[0] <= both[1].high + SLACK:
        about = {"kind": "diagnoser", "version": version, "scope": "*"}
        says = f"{version} says {both[0]:.0%} of its first suspects and is right in {in_words(both[1])}"
        value = (abs(both[0] - (both[1].value or 0.0)), SLACK, "said less right, beyond the interval")
        found = [_seen("calibration", about, value, says, Impact(asks="look"))]
    book.look("calibration", "diagnoser", found, at_ms, effects)


def surprised(book: Book, surprise: Surprise, which: Which, moment: Moment) -> None:
    """Concept drift: the mean surprise rose for good; over when it is back half of the way.

    A rise may come in several cuts: each is measured from what was usual before the first.
    """
    version, kind = which
    at_ms, effects = moment
    cut = surprise.close_window()
    if cut is not None and surprise.usual is None:
        surprise.usual = cut.before
    if surprise.usual is None:
        return
    before, now = surprise.usual, surprise.monitor.mean
    if surprise.level is None and now - before >= RISE:
        surprise.level = (before + now) / 2
        says = (
            f"{version} finds what it sees stranger than before: mean surprise {before * WORST:.2f} → "
            f"{now * WORST:.2f} (−log₁₀ p), over {surprise.monitor.n} minutes of series"
        )
        about = {"kind": kind, "version": version, "scope": "*"}
        value = (now, before + RISE, "mean surprise, 0–1")
        seen = _seen("concept_drift", about, value, says, Impact(scopes=("*",), asks="retrain"))
        book.tell(seen, at_ms, at_ms, effects)
    elif surprise.level is not None and now < surprise.level:
        surprise.level = surprise.usual = None
        key = f"concept_drift {version} *"
        if key in book.open:
            book.end(key, at_ms, f"mean surprise is back at {now * WORST:.2f}", effects)
    elif surprise.level is None and now < before:
        surprise.usual = None


def turned(book: Book, which: Which, cut: Cut, moment: Moment) -> None:
    """Concept drift, as people and outcomes see it: a larger share of decisions is wrong than before."""
    version, kind = which
    says = (
        f"of {version}'s judged decisions {cut.after:.0%} are wrong ({cut.n_after}), before it was {cut.before:.0%} "
        f"({cut.n_before})"
    )
    about = {"kind": kind, "version": version, "scope": "*"}
    value = (cut.after, cut.before, "share of judged decisions that were wrong")
    at_ms, effects = moment
    book.tell(_seen("concept_drift", about, value, says, Impact(asks="look")), at_ms, at_ms, effects)


def accuracy(
    book: Book, judgements: Mapping[str, Judgements], live: Mapping[ModelKind, VersionRef], moment: Moment
) -> None:
    """Accuracy: surely more often wrong than right, or surely deaf to more than it tells."""
    at_ms, effects = moment
    for kind, version in live.items():
        known = judgements.get(str(version))
        both = (("precision", known.precision), ("recall", known.recall)) if known else ()
        bad = [(one.value, name, one) for name, one in both if one.value is not None and one.high < HALF]
        found = []
        if bad:
            worst, name, _ = min(bad, key=lambda one: one[0])
            says = "; ".join(f"{name} of {version} is {in_words(one)}" for _, name, one in bad)
            about = {"kind": kind, "version": version, "scope": "*"}
            value = (worst, HALF, name)
            found = [_seen("accuracy", about, value, f"{says}: surely below one half", Impact(asks="look"))]
        book.look("accuracy", kind, found, at_ms, effects)


def told(
    live: VersionRef | None,
    sources: Sequence[Judged],
    surprise: Surprise | None,
    judgements: Mapping[str, Judgements],
) -> dict[str, Any]:
    """One kind's figures, for people."""
    counts: dict[str, int] = {}
    for one in sources:
        counts[one.status] = counts.get(one.status, 0) + 1
    far = surprise.drift() if surprise else None
    known = judgements.get(str(live))
    farthest = sorted((one for one in sources if one.psi > 0), key=lambda one: (-one.psi, one.source.key))[:20]
    return {
        "version": str(live) if live else None,
        "sources": counts,
        "farthest": [
            {"entity": o.source.entity, "name": o.source.name, "status": o.status, "psi": round(o.psi, 3)}
            for o in farthest
        ],
        "score_psi": round(far[0], 4) if far else None,
        "precision": msgspec.to_builtins(known.precision) if known else None,
        "recall": msgspec.to_builtins(known.recall) if known else None,
    }


def paced(known: Runtime | None) -> dict[str, Any]:
    """How long one kind takes, and took at first, for people."""
    usual, now = (known.before, known.now) if known else (None, None)
    return {"pace": msgspec.to_builtins(now or usual), "pace_at_first": msgspec.to_builtins(usual)}


def _seen(measure: Any, about: Mapping[str, Any], value: tuple[float, float, str], says: str, impact: Impact) -> Seen:
    figure, threshold, unit = value
    return Seen(
        measure=measure,
        **about,
        value=round(figure, 4),
        threshold=round(threshold, 4),
        unit=unit,
        says=says,
        impact=impact,
    )


def _says(found: Breadth, version: VersionRef, *, is_up: bool) -> str:
    entities = len({one.source.entity for one in found.moved})
    where = "everywhere" if found.scope == "*" else f"in {found.scope}"
    why = "; what comes from outside has grown" if is_up else ""
    held = f"; {found.held} more moved during incidents and are not counted" if found.held else ""
    return (
        f"what {version} sees {where} has changed and settled: {len(found.moved)} of {found.judged} series of "
        f"{entities} entities{why}{held}"
    )
