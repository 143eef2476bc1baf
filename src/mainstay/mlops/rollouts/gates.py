"""Gates: what a version must have shown before it goes on, by a policy that people can read and change."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mainstay.domain.rollouts import UNDER_WAY, Evidence, Gate, GatePolicy, GateResult, Rollout
from mainstay.domain.watching import Standing
from mainstay.files import Document
from mainstay.mlops.rollouts.sequential import is_above, is_beyond, is_too_often

SHIPPED = Path(__file__).parent / "gates.yaml"
WEEK_S = 604_800.0
LATE_MS = 5.0
"""A call that takes less delays nothing, however long the champion's is."""
DETECTORS = frozenset({"metrics", "edges", "logs", "entities"})
"""Kinds whose findings are about one entity each: whom they serve worse can be said."""


def read_policy(text: str, name: str) -> GatePolicy:
    """A gate policy.

    Raises:
        BadFile: With file, line and what was expected.
    """
    document = Document(text, name)
    policy = document.read(GatePolicy)
    for stage in ("shadow", "canary"):
        gate: Gate = getattr(policy, stage)
        if gate.most_windows and gate.most_windows < gate.windows:
            says = f"expected at least {gate.windows} (as many as windows) or 0, got {gate.most_windows}"
            raise document.bad([stage, "most_windows"], says)
    return policy


def read_edit(text: str, name: str) -> GatePolicy:
    """A gate policy that somebody proposes: it has a name of its own, because entries of the ledger go by the name.

    Raises:
        BadFile: With file, line and what was expected.
    """
    policy = read_policy(text, name)
    if policy.name in ("", GatePolicy().name):
        says = f"expected a name of its own, by which the ledger tells it from others; got {policy.name!r}"
        raise Document(text, name).bad(["name"], says)
    return policy


def shipped_policy() -> GatePolicy:
    """The policy that this release ships."""
    return read_policy(SHIPPED.read_text(encoding="utf-8"), SHIPPED.name)


def judge(rollout: Rollout, evidence: Evidence, policy: GatePolicy) -> GateResult:
    """What the gate of the rollout's stage says of this evidence.

    A challenger fails as soon as it is sure that it breaks a limit (`sequential`); it passes when it has been looked at
    long enough, with enough cases, and keeps within every limit. Between the two there is not enough evidence.
    """
    gate = policy.shadow if rollout.stage == "shadow" else policy.canary
    figures = figures_of(evidence, policy) | {"pages_allowed": pages_allowed(evidence, gate, policy.canary_share)}
    wrong = _broken(evidence, figures, gate, policy.alpha)
    if wrong:
        return GateResult(verdict="failed", reasons=tuple(wrong), figures=figures)
    asks_even = gate.even and rollout.kind in DETECTORS
    lacking = _lacking(rollout.windows, figures, gate) + (_not_known_even(evidence) if asks_even else [])
    outside = [] if lacking else _outside(evidence, figures, gate)
    if asks_even and not lacking and evidence.even == "worse":
        outside.append(f"it serves some worse: {evidence.even_says}")
    if outside and figures["cases"] >= 4 * gate.cases:  # as sure as it gets by waiting
        return GateResult(verdict="failed", reasons=tuple(outside), figures=figures)
    if lacking or outside:
        return GateResult(verdict="not_enough", reasons=tuple(lacking + outside), figures=figures)
    return GateResult(verdict="passed", reasons=_kept(figures, evidence), figures=figures)


def may_go_on(rollout: Rollout | None, standing: Standing) -> GateResult:
    """Whether a version may go on, for a step of a delivery pipeline: what its gates say, and whether it stands.

    Args:
        rollout: Its newest one; None when it never had one.
        standing: As automation asks it.
    """
    if rollout is not None and rollout.stage in ("refused", "rolled_back"):
        return GateResult(verdict="failed", reasons=(f"{rollout.stage.replace('_', ' ')}: {rollout.says}",))
    if rollout is not None and rollout.stage in UNDER_WAY:
        result = rollout.result or GateResult(verdict="not_enough", reasons=("no window of it is over yet",))
        if result.verdict != "passed":
            return result
        return msgspec.structs.replace(result, verdict="not_enough", reasons=(f"it is in {rollout.stage}",))
    if not standing.is_sound:
        return GateResult(verdict="failed", reasons=standing.says)
    if rollout is None:
        return GateResult(verdict="not_enough", reasons=("no rollout has judged it",))
    return GateResult(
        verdict="passed", reasons=(rollout.says,), figures=rollout.result.figures if rollout.result else {}
    )


def figures_of(evidence: Evidence, policy: GatePolicy) -> dict[str, float]:
    """Counts as they are compared: live and, when the policy lets them count, replayed.

    Silence of the challenger counts against it, unless a replay has shown that it finds real faults as the champion
    does: then only what something else confirms was missed. So a version that was made to be calmer may be.
    """
    has_replay = policy.replayed_faults_count and evidence.faults > 0
    is_credible = has_replay and evidence.challenger_faults >= evidence.champion_faults
    missed = evidence.corroborated if is_credible else evidence.champion_only
    found = evidence.both + missed
    told = evidence.both + evidence.challenger_only
    extra = evidence.challenger_only
    gained = max(0, evidence.challenger_faults - evidence.champion_faults) if has_replay else 0
    if has_replay:
        missed += max(0, evidence.champion_faults - evidence.challenger_faults)
        found += evidence.champion_faults
        told += evidence.challenger_faults + evidence.challenger_extra
        extra += max(0, evidence.challenger_extra - evidence.champion_extra)
    return {
        "cases": float(max(found, told)),
        "replayed": float(evidence.faults if has_replay else 0),
        "found": float(found),
        "missed": float(missed),
        "told": float(told),
        "extra": float(extra),
        "pages_champion": float(evidence.champion_would_page),
        "pages_challenger": float(evidence.challenger_would_page),
        "page_ratio": told / (found + gained) if found + gained else float(told > 0),
        "delay_s": evidence.delay_ms / evidence.both / 1000 if evidence.both else 0.0,
        "cost_ratio": evidence.challenger_cpu_s / evidence.champion_cpu_s if evidence.champion_cpu_s else 0.0,
        "latency_p95_ms": evidence.challenger_p95_ms,
        "latency_p95_champion_ms": evidence.champion_p95_ms,
        "decisions": float(evidence.decisions),
        "agreement": evidence.same / evidence.decisions if evidence.decisions else 1.0,
    }


def _broken(evidence: Evidence, figures: dict[str, float], gate: Gate, alpha: float) -> list[str]:
    """Limits that it breaks for sure. The rollout's α is shared by four: missed, extra, pages, agreement."""
    each = alpha / 4
    wrong = [f"it failed {evidence.errors} times"] if evidence.errors else []
    missed, found, extra, told = (int(figures[name]) for name in ("missed", "found", "extra", "told"))
    if is_beyond(missed, found, gate.missed_share, each):
        wrong.append(f"it missed {missed} of {found} that the champion found; {gate.missed_share:.0%} may be")
    if is_beyond(extra, told, gate.extra_share, each):
        wrong.append(f"{extra} of {told} that it told are its alone; {gate.extra_share:.0%} may be")
    wrong += _broken_in_pages(evidence, figures, gate, each)
    if figures["replayed"]:
        wrong += _broken_in_replay(evidence, gate, each)
    differing = evidence.decisions - evidence.same
    if is_beyond(differing, evidence.decisions, 1 - gate.agreement, each):
        wrong.append(f"{differing} of {evidence.decisions} decisions differ; {1 - gate.agreement:.0%} may")
    return wrong


def _broken_in_pages(evidence: Evidence, figures: dict[str, float], gate: Gate, alpha: float) -> list[str]:
    """Pages are few, so their share says little; how soon they came says it all. The two tests share one part of α."""
    extra, pages, each = evidence.extra_pages, evidence.pages, alpha / 2
    wrong = []
    if is_beyond(extra, pages, gate.extra_share, each):
        wrong.append(f"{extra} of {pages} pages are its alone; {gate.extra_share:.0%} may be")
    if is_too_often(extra, figures["pages_allowed"], each):
        would = f"champion {evidence.champion_would_page}, challenger {evidence.challenger_would_page}"
        budget = f"{gate.extra_pages_per_week:g} a week may be"
        wrong.append(f"{extra} pages in {evidence.lasted_s / 60:.0f} min are its alone ({would}); {budget}")
    return wrong


def pages_allowed(evidence: Evidence, gate: Gate, share: float) -> float:
    """How many pages of its own the budget allows in the time that the stage has lasted, within its share."""
    return gate.extra_pages_per_week * share * evidence.lasted_s / WEEK_S


def _broken_in_replay(evidence: Evidence, gate: Gate, alpha: float) -> list[str]:
    """The replay is looked at once, so its test is the plain one. It knows which faults were real."""
    found, missed = evidence.champion_faults, max(0, evidence.champion_faults - evidence.challenger_faults)
    told = evidence.challenger_faults + evidence.challenger_extra
    extra = max(0, evidence.challenger_extra - evidence.champion_extra)
    wrong = []
    if is_above(missed, found, gate.missed_share, alpha):
        wrong.append(f"it missed {missed} of {found} replayed faults that the champion found")
    if is_above(extra, told, gate.extra_share, alpha):
        wrong.append(f"{extra} of {told} in the replay are false findings that the champion does not have")
    return wrong


def _lacking(windows: int, figures: dict[str, float], gate: Gate) -> list[str]:
    """What there is too little of."""
    cases = int(max(figures["cases"], figures["decisions"]))
    found = []
    if windows < gate.windows:
        found.append(f"{windows} windows, needs {gate.windows}")
    if cases < gate.cases:
        found.append(f"{cases} incidents, needs {gate.cases}")
    return found


def _not_known_even(evidence: Evidence) -> list[str]:
    """What keeps one from saying whether it serves everybody alike."""
    if evidence.even is None:
        return ["whom it serves worse was not looked at yet"]
    return [f"whether it serves everybody alike: {evidence.even_says}"] if evidence.even == "too_few" else []


def _outside(evidence: Evidence, figures: dict[str, float], gate: Gate) -> list[str]:
    """Limits that it does not keep as far as one sees."""
    found, told = figures["found"], figures["told"]
    shares = (
        ("missed_share", figures["missed"] / found if found else 0.0, gate.missed_share),
        ("extra_share", figures["extra"] / told if told else 0.0, gate.extra_share),
        ("extra_pages", evidence.extra_pages / evidence.pages if evidence.pages else 0.0, gate.extra_share),
        ("page_ratio", figures["page_ratio"], gate.page_ratio),
        ("delay_s", figures["delay_s"], gate.delay_s),
    )
    wrong = [f"{name} is {value:.2f}, at most {most:g}" for name, value, most in shares if value > most]
    if figures["agreement"] < gate.agreement:
        wrong.append(f"agreement is {figures['agreement']:.2f}, at least {gate.agreement:g}")
    return [*wrong, *_judged(evidence, gate), *_cost(evidence, gate)]


def _judged(evidence: Evidence, gate: Gate) -> list[str]:
    """Precision from verdicts, when both have enough."""
    ours = evidence.challenger_true + evidence.challenger_false
    theirs = evidence.champion_true + evidence.champion_false
    if min(ours, theirs) < max(1, gate.verdicts):
        return []
    mine, before = evidence.challenger_true / ours, evidence.champion_true / theirs
    if mine >= before - gate.precision_loss:
        return []
    return [f"precision from verdicts is {mine:.2f}, the champion's {before:.2f}"]


def _cost(evidence: Evidence, gate: Gate) -> list[str]:
    if not evidence.champion_cpu_s:
        return []
    wrong, ratio = [], evidence.challenger_cpu_s / evidence.champion_cpu_s
    if ratio > gate.cost_ratio:
        wrong.append(f"it costs {ratio:.1f} times the champion, at most {gate.cost_ratio:g}")
    mine, before = evidence.challenger_p95_ms, evidence.champion_p95_ms
    if mine > LATE_MS and mine > gate.latency_ratio * before:
        most = f"at most {gate.latency_ratio:g} times as long"
        wrong.append(f"score latency p95 is {mine:.1f} ms, the champion's {before:.1f} ms; {most}")
    return wrong


def _kept(figures: dict[str, float], evidence: Evidence) -> tuple[str, ...]:
    said = [f"{int(figures['cases'])} incidents, {int(figures['missed'])} missed, {int(figures['extra'])} its alone"]
    if figures["replayed"]:
        said.append(f"{int(figures['replayed'])} of them replayed labelled faults")
    if evidence.decisions:
        said.append(f"{evidence.same} of {evidence.decisions} decisions equal")
    if not evidence.champion_cpu_s:
        said.append("its cost was not measured")
    if evidence.even == "none":
        said.append(evidence.even_says)
    return tuple(said)
