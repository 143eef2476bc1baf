"""After a change: difference-in-differences against unchanged peers, and placebo changes to say how rare it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec
import numpy as np

from mainstay.models.checks import weights_of
from mainstay.models.impact.moments import F64, I64, Flags, Window, beyond_peers, is_calm, sides
from mainstay.models.impact.signals import KINDS, Kind
from mainstay.models.impact.wording import says_harmful, says_harmless

UNSURE = "not-enough-evidence"
HANDED_ON = ("latency", "errors")  # what a service feels of those that it calls
BEFORE = 8  # buckets before a moment for one after it: most of them may have been unwell


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is looked at.

    Attributes:
        at: Bucket in which the change was made. after: Buckets behind the settling.
        units: Entities; the first is the changed one. callers: Which of them call it: no peers, but may feel it.
            callees: Which of them it calls: what is wrong with them may be felt by it.
        signals: Per signal and unit a value a bucket, None where nothing was heard. The row ends with the window.
        clean: Per unit and bucket `1` where nothing of it was changed and nothing was wrong with it.
    """

    bucket_s: float
    at: int
    after: int
    units: tuple[str, ...]
    callers: tuple[int, ...] = ()
    signals: dict[str, list[list[float | None]]]
    clean: tuple[str, ...]
    callees: tuple[int, ...] = ()


class Seen(msgspec.Struct, frozen=True):
    """One signal: the units before and after the change, their effects, and those of the placebos (unit × moment).

    `earlier` is the effect as it was just before the change, `latest` in its last two buckets; `is_ill` where nothing
    clean is known from before, so that what was unwell is the reference.
    """

    kind: Kind
    before: F64
    after: F64
    effect: F64
    earlier: F64
    latest: F64
    placebo: F64
    scale: F64
    is_ill: Flags

    def z(self) -> F64:
        """How far each unit went in the bad direction, in deviations between placebos."""
        return self.kind.sign * self.effect / self.scale

    def placebo_z(self) -> F64:
        """The same of the placebos."""
        return self.kind.sign * self.placebo / self.scale[:, None]


class ImpactJudge:
    """Did the change do harm? Harmful, harmless, or not enough evidence.

    For each signal the difference between after and before is taken, less the median difference of unchanged peers in
    the same minutes. The same is done at earlier moments and for the peers, where nobody changed anything: these
    placebos say how often such a difference comes by itself. The p-value is the share of placebos whose *worst* signal
    deviates at least as far, so looking at several signals costs nothing (Westfall and Young 1993, max-T). Harmful is
    what is rare and large enough to matter; harmless what is not rare and whose interval leaves no room for what would
    matter. Placebos overlap, so the p-value is an estimate; placebo changes judged like real ones say how good it is.

    Source: Abadie, Diamond, Hainmueller 2010 (inference by placebos).
    """

    ALGORITHM: ClassVar[str] = "placebo-did"
    DEFAULTS: ClassVar[dict[str, Any]] = {
        "alpha": 0.02,
        "settle_s": 5.0,  # a restart is felt for a moment
        "least_placebos": 20,
        "far": 6.0,  # with few placebos: so many deviations, and half as far again as the worst of them
        "matters": {"latency": 1.25, "own": 1.25, "errors": 0.02, "rate": 0.5, "availability": 0.3,
                    "cpu": 1.5, "memory": 1.5},
        "tolerable": {"latency": 1.5, "errors": 0.05},
        "least_ms": 4.0,
        "resource_after_s": 300.0,
    }  # fmt: skip

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._weights = weights_of(self.DEFAULTS, parameters)

    def decide(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Judge.

        Returns:
            `verdict`, `says`, `p_value`, `placebos`, `peers`, `effects` (by signal), `felt` (callers).
        """
        question = msgspec.convert(inputs, Question)
        settle = max(1, round(self._weights["settle_s"] / question.bucket_s))
        window = Window(BEFORE * question.after, settle, question.after)
        peers = _peers(question)
        seen = [one for kind in KINDS if (one := _seen(kind, question, window, peers)) is not None]
        return self._judged(question, seen, [question.units[place] for place in np.flatnonzero(peers)])

    def _judged(self, question: Question, seen: list[Seen], peers: list[str]) -> dict[str, Any]:
        is_long = question.after * question.bucket_s >= self._weights["resource_after_s"]
        tests = [one for one in seen if is_long or not one.kind.is_resource]
        worst, placebos = _worst(tests)
        found = {
            "p_value": _share(placebos, worst[0]) if tests and len(placebos) and np.isfinite(worst[0]) else None,
            "placebos": len(placebos),
            "peers": peers,
            "effects": [self._effect(one, 0, is_told_as_harm=one in tests) for one in seen if _is_known(one, 0)],
            "felt": [question.units[c] for c in question.callers if self._is_harmed(c, tests, worst, placebos)],
        }
        verdict, says = self._verdict(question, tests, (worst, placebos), found)
        return {"verdict": verdict, "says": says, **found}

    def _verdict(
        self, question: Question, tests: list[Seen], rare: tuple[F64, F64], found: Mapping[str, Any]
    ) -> tuple[str, str]:
        if self._is_harmed(0, tests, *rare):
            says = self._otherwise(question, tests, rare)
            return (UNSURE, says) if says else ("harmful", says_harmful(found, question))
        says = self._unsure(tests, found)
        return (UNSURE, says) if says else ("harmless", says_harmless(found, question))

    def _otherwise(self, question: Question, tests: list[Seen], rare: tuple[F64, F64]) -> str:
        """What else explains that it got worse; "" when nothing does."""
        earlier = [msgspec.structs.replace(one, effect=one.earlier) for one in tests]
        harmed = self._harmed(0, tests)
        if self._is_harmed(0, earlier, _worst(earlier)[0], rare[1]) and all(map(_was_so_before, harmed)):
            return "it was as unwell before the change"
        alone = {one.kind.name for one in harmed}
        handed_on = [one for one in harmed if one.kind.name in HANDED_ON]
        if handed_on and not alone & {"own", "availability"}:
            ill = self._explained_by(handed_on, [c for c in question.callees if self._is_reached(c, tests)])
            if ill is not None:
                return f"{question.units[ill]}, which it calls, got worse in the same minutes"
        if alone == {"rate"} and any(self._is_harmed(one, tests, *rare) for one in question.callers):
            return "its callers got worse, and ask less of it"
        return ""

    def _is_reached(self, callee: int, tests: list[Seen]) -> bool:
        """Whether calls that fail came to a callee. If it is there and is asked far less, the caller lost its way."""
        fell = {one.kind.name for one in tests if one.kind.sign < 0 and self._matters(one, callee)}
        return fell != {"rate"}

    def _explained_by(self, handed_on: list[Seen], callees: Sequence[int]) -> int | None:
        """The callee that is the reason. Whose calls fail tries again, so errors that are explained explain latency."""
        errors = [one for one in handed_on if one.kind.is_share]
        found = [self._reason_of(one, callees) for one in errors or handed_on]
        return None if None in found else found[0]

    def _reason_of(self, one: Seen, callees: Sequence[int]) -> int | None:
        """The callee whose own harm is large enough to be what is felt: at least half of it, in points or ms."""
        rise = one.effect if one.kind.is_share else one.after - one.before
        harmed = [c for c in callees if self._is_rare(one.z()[c], one.placebo_z())]
        return next((c for c in harmed if rise[c] >= rise[0] / 2), None)

    def _unsure(self, tests: list[Seen], found: Mapping[str, Any]) -> str:
        """Why "no harm was seen" is not "there was none"; "" when it is."""
        requests = [one for one in tests if one.kind.name in HANDED_ON]
        known = [one for one in requests if _is_known(one, 0)]
        if not known:
            was_heard = any(np.isfinite(one.after[0]) for one in requests)
            return f"too few requests were seen {'before' if was_heard else 'after'} the change"
        if any(one.is_ill[0] for one in known):
            return "it was unwell all the time before the change, as far as is kept, and did not get worse"
        if found["placebos"] < self._weights["least_placebos"]:
            return f"only {found['placebos']} placebo moments: too little is known of how it is by itself"
        tolerable = self._weights["tolerable"]
        wide = [e for e in found["effects"] if e["high"] > tolerable.get(e["signal"], np.inf)]
        return f"{wide[0]['signal']} may have gone up to {wide[0]['high']:g}: too wide a range" if wide else ""

    def _harmed(self, unit: int, tests: list[Seen]) -> list[Seen]:
        """The signals of a unit that got worse by more than happens by itself, and enough to matter."""
        return [one for one in tests if self._matters(one, unit) and self._is_rare(one.z()[unit], one.placebo_z())]

    def _is_harmed(self, unit: int, tests: list[Seen], worst: F64, placebos: F64) -> bool:
        is_judged = unit < len(worst) and np.isfinite(worst[unit])
        return bool(is_judged and self._harmed(unit, tests) and self._is_rare(worst[unit], placebos))

    def _is_rare(self, z: float, placebo_z: F64) -> bool:
        """Rarer than alpha among placebos; of few placebos it must stand far out."""
        placebos = placebo_z[np.isfinite(placebo_z)]
        if (len(placebos) + 1) * self._weights["alpha"] >= 1:
            return bool(_share(placebos, z) <= self._weights["alpha"])
        return bool(z >= self._weights["far"] and z >= 1.5 * max(placebos, default=0.0))

    def _matters(self, one: Seen, unit: int) -> bool:
        """Whether an effect is large enough that somebody should care."""
        least = self._weights["matters"][one.kind.name]
        effect = one.kind.sign * one.effect[unit]
        if not np.isfinite(effect):
            return False
        if one.kind.is_share:
            return bool(effect >= least)
        is_slow = (
            one.kind.name not in ("latency", "own") or one.after[unit] - one.before[unit] >= self._weights["least_ms"]
        )
        return bool(effect >= abs(np.log(least)) and is_slow)

    def _effect(self, one: Seen, unit: int, *, is_told_as_harm: bool) -> dict[str, Any]:
        effect, half = float(one.effect[unit]), _half(one, unit)
        is_rare = self._is_rare(one.z()[unit], one.placebo_z())
        placebos = one.placebo_z()
        return {
            "signal": one.kind.name,
            "before": float(f"{one.before[unit]:.4g}"),
            "after": float(f"{one.after[unit]:.4g}"),
            "effect": one.kind.told(effect),
            "low": one.kind.told(effect - half),
            "high": one.kind.told(effect + half),
            "p_value": _share(placebos[np.isfinite(placebos)], one.z()[unit]),
            "is_harm": bool(is_told_as_harm and is_rare and self._matters(one, unit)),
        }


def _peers(question: Question) -> Flags:
    """Who is neither changed nor calls what was changed; a peer that is not calm is no peer at that moment."""
    peers = np.ones(len(question.units), np.bool_)
    peers[[0, *question.callers]] = False
    return peers


def _seen(kind: Kind, question: Question, window: Window, peers: Flags) -> Seen | None:
    """What one signal did; None when it is not known of the changed service."""
    rows = question.signals.get(kind.name)
    if rows is None:
        return None
    raw = np.array(rows, np.float64)
    clean = np.array([[mark == "1" for mark in row] for row in question.clean], np.bool_)
    ahead = (
        (0, 0),
        (window.before, 0),
    )  # the past may be shorter than a window: then it is looked at as far as it goes
    raw, clean = np.pad(raw, ahead, constant_values=np.nan), np.pad(clean, ahead, constant_values=False)
    moments = _moments(window, question.at + window.before, raw.shape[1])
    if not len(moments):
        return None
    scaled = kind.scaled(raw)
    before, after = sides(scaled, clean, window, moments, is_share=kind.is_share)
    plain = sides(raw, clean, window, moments[-1:], is_share=kind.is_share)
    is_ill = np.isnan(before[:, -1])
    if is_ill[0]:  # better an unwell reference than none: who is worse than that is worse
        whatever = np.ones_like(clean)
        before[0, -1] = sides(scaled, whatever, window, moments[-1:], is_share=kind.is_share)[0][0, 0]
        plain[0][0, 0] = sides(raw, whatever, window, moments[-1:], is_share=kind.is_share)[0][0, 0]
    calm = is_calm(clean, window, moments)
    difference = after - before
    calm_now = peers & calm[:, -1]
    usual = np.where(calm & peers[:, None], difference, np.nan)
    beyond = beyond_peers(np.where(peers[:, None], usual, difference), peers)
    placebo = np.where(calm, beyond, np.nan)
    placebo[~peers, -1] = np.nan  # the change itself, and who may feel it

    def beyond_at(buckets: int, back: int) -> F64:
        """How far each was from its reference in some buckets that begin so far ahead of the change."""
        at = np.maximum(moments[-1:] - back, window.before)
        usually = sides(scaled, clean, Window(1, 0, buckets), at, is_share=kind.is_share)[1]
        return beyond_peers(usually - before[:, -1:], calm_now)[:, 0]

    effect = beyond_peers(difference[:, -1:], calm_now)[:, 0]  # of a callee that is unwell too: it may be the reason
    earlier, latest = beyond_at(window.after, window.after), beyond_at(2, 2)
    scale = _scale(placebo, kind.floor)
    return Seen(kind, plain[0][:, 0], plain[1][:, 0], effect, earlier, latest, placebo, scale, is_ill)


def _moments(window: Window, at: int, length: int) -> I64:
    """Every third of a window's later part, from where there is something before it; the last one is the change."""
    if at + window.settle + window.after > length:
        return np.empty(0, np.int64)
    step = max(1, window.after // 3)
    return np.arange(at, window.before + window.after - 1, -step, dtype=np.int64)[::-1]


def _scale(placebo: F64, floor: float) -> F64:
    """Robust deviation between the placebos of each unit; of all of them where a unit has few."""
    of_all = np.abs(placebo[np.isfinite(placebo)])
    pooled = 1.4826 * float(np.median(of_all)) if len(of_all) else 0.0
    scale = np.full(len(placebo), max(pooled, floor))
    for row, values in enumerate(placebo):
        own = np.abs(values[np.isfinite(values)])
        if len(own) >= 6:
            scale[row] = max(1.4826 * float(np.median(own)), floor)
    return scale


def _worst(tests: list[Seen]) -> tuple[F64, F64]:
    """The worst signal of each unit at the change, and of every placebo."""
    if not tests:
        return np.full(1, np.nan), np.empty(0)
    now = np.fmax.reduce([one.z() for one in tests])
    before = np.fmax.reduce([one.placebo_z() for one in tests]).ravel()
    return now, before[np.isfinite(before)]


def _share(placebos: F64, z: float) -> float:
    """The share of placebos that are at least as bad, the change itself counted among them.

    >>> _share(np.array([0.0, 1.0, 2.0]), 1.5)
    0.5
    """
    return round((1 + int((placebos >= z).sum())) / (1 + len(placebos)), 4)


def _half(one: Seen, unit: int) -> float:
    """Half of the 90 % interval: what nine of ten placebos of this unit, or of all, stay within."""
    own = np.abs(one.placebo[unit][np.isfinite(one.placebo[unit])])
    known = own if len(own) >= 10 else np.abs(one.placebo[np.isfinite(one.placebo)])
    return max(float(np.quantile(known, 0.9)) if len(known) else np.inf, one.kind.floor)


def _was_so_before(one: Seen) -> bool:
    """Whether the changed service was at least half as far from its reference before the change as it is after."""

    def harm(effects: F64) -> float:
        return abs(one.kind.told(float(effects[0])) - (not one.kind.is_share))

    return bool(np.fmax(harm(one.earlier), harm(one.latest)) >= harm(one.effect) / 2)


def _is_known(one: Seen, unit: int) -> bool:
    return bool(np.isfinite(one.effect[unit]))
