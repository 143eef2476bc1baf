"""The watch over models that a user runs in production: do they still see, say and hit what they did?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import msgspec
import numpy as np

from mainstay.domain.alerts import Band, Severity
from mainstay.domain.predictions import InProduction, Predictions, Truths
from mainstay.domain.protocols import Scored, Signal, Transition
from mainstay.domain.signals import F64, Normal
from mainstay.domain.state import pack, unpack
from mainstay.models.drift import psi
from mainstay.models.predictions.judging import Channel, Column, Window, told
from mainstay.models.predictions.parameters import Parameters
from mainstay.models.predictions.state import SCORE, Group, Kept, Losses, Story, Version

FORMAT = 1
MOST_LOSS = 1e140  # sums of the squares of less are numbers
FARTHEST = 8
MOST_GROUPS = 64
SILENT_NS = 1_800_000_000_000
NAMES: dict[Channel, tuple[str, Severity, Signal]] = {
    "features": ("model input drifted", "minor", "other"),
    "score": ("model output drifted", "minor", "other"),
    "missing": ("model input missing", "minor", "other"),
    "accuracy": ("model less accurate", "major", "errors"),
}


class _Saved(msgspec.Struct):
    versions: list[Version]
    waiting: list[tuple[str, int, str, float, str]]
    unmatched: int
    unwatched: int
    unmatched_of: dict[str, int] = {}


class PredictionWatch:
    """Whether a model in production drifts: its inputs, its output, what is missing, and how often it is wrong.

    The first predictions of a version are what it is compared with (inputs and losses: those of the version before it,
    when there was one, so that a worse version is seen as one). Every `window_rows` predictions are judged at once, by
    the population stability index and its rarity; labels join their predictions by id whenever they come, and their
    losses, (label − score)², are judged the same way. A channel fires after `persist` windows in a row.

    Predictions wait for their label in one bounded list for all models; a label that finds none is counted
    (`unmatched`). Versions beyond `most_models` are not watched (`unwatched`).

    Attributes:
        standing: How each version stands, in the order in which they were first heard of; safe to read from any thread.
    """

    ALGORITHM: ClassVar[str] = "prediction-watch"
    STATE: ClassVar[str] = f"prediction-watch/{FORMAT}"
    DEFAULTS: ClassVar[dict[str, Any]] = msgspec.to_builtins(Parameters())

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = msgspec.convert({**self.DEFAULTS, **parameters}, Parameters)
        self._versions: dict[tuple[str, str], Version] = {}
        self._waiting: dict[tuple[str, int], tuple[str, float, str]] = {}
        self.unmatched = self.unwatched = 0
        self._unmatched_of: dict[str, int] = {}
        self.standing: tuple[InProduction, ...] = ()

    def score(self, normal: Normal) -> Scored:
        """Take in predictions and labels; one p-value for each channel of each window that is over."""
        found: list[Transition] = []
        scores: list[float] = []
        for batch in normal.predictions:
            for window, version in self._windows(batch):
                self._judge(version, window, found, scores)
        for truths in normal.truths:
            self._learn_truth(truths, found, scores)
        found += self._silences(normal.at_ns)
        if normal.predictions or normal.truths:
            self.standing = self._standings()
        return Scored(tuple(found), np.array(scores))

    def decide(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """One channel of one window from its frozen counts."""
        if "silent" in inputs:
            return _silenced(inputs["silent"])
        return told(msgspec.convert(inputs["window"], Window), self._parameters)[1]

    def firing(self) -> tuple[tuple[str, str], ...]:
        """(subject, channel) of what is anomalous now."""
        return tuple((v.subject, c) for v in self._versions.values() for c, s in v.stories.items() if s.firing)

    def snapshot(self) -> bytes:
        waiting = [(entity, key, *kept) for (entity, key), kept in self._waiting.items()]
        kept = _Saved(list(self._versions.values()), waiting, self.unmatched, self.unwatched, self._unmatched_of)
        return pack(self.ALGORITHM, FORMAT, kept)

    def restore(self, state: bytes) -> None:
        kept = unpack(self.ALGORITHM, FORMAT, state, _Saved)
        self._versions = {(v.entity, v.version): v for v in kept.versions}
        self._waiting = {(e, key): (version, score, group) for e, key, version, score, group in kept.waiting}
        self.unmatched, self.unwatched, self._unmatched_of = kept.unmatched, kept.unwatched, kept.unmatched_of
        self.standing = self._standings()

    def _standings(self) -> tuple[InProduction, ...]:
        known = (version.standing() for version in self._versions.values())
        return tuple(msgspec.structs.replace(one, unmatched=self._unmatched_of.get(one.entity, 0)) for one in known)

    def _windows(self, batch: Predictions) -> Iterator[tuple[F64, Version]]:
        """Every window that these predictions fill; cut by count, so it does not matter how they came."""
        version = self._version(batch)
        if version is None:
            self.unwatched += len(batch)
            return
        self._await_labels(batch)
        rows, at = _columns(batch, version.names), 0
        while at < len(rows):
            need = self._parameters.window_rows if version.is_known else self._parameters.reference_rows
            filled = len(version.rows) // (8 * rows.shape[1])
            part = rows[at : at + need - filled]
            version.began_ns = version.began_ns if filled else int(batch.at_ns[at])
            version.rows += part.tobytes()
            at += len(part)
            version.predictions += len(part)
            version.last_ns = max(version.last_ns, int(batch.at_ns[at - 1]))
            if filled + len(part) == need:
                window, version.rows = version.window(), b""
                yield window, version

    def _version(self, batch: Predictions) -> Version | None:
        known = self._versions.get((batch.entity, batch.version))
        if known is None and len(self._versions) < self._parameters.most_models:
            known = Version(entity=batch.entity, version=batch.version, names=batch.names)
            before = [v for v in self._versions.values() if v.entity == batch.entity]
            if before:
                _take_over(known, before[-1])
            self._versions[batch.entity, batch.version] = known
        return known

    def _await_labels(self, batch: Predictions) -> None:
        for key, score, group in zip(batch.key.tolist(), batch.score.tolist(), batch.group, strict=True):
            self._waiting.pop((batch.entity, key), None)
            self._waiting[batch.entity, key] = (batch.version, score, group)
        while len(self._waiting) > self._parameters.waiting:
            del self._waiting[next(iter(self._waiting))]

    def _judge(self, version: Version, rows: F64, found: list[Transition], scores: list[float]) -> None:
        if not version.is_known:
            version.learn(rows)
            return
        columns = [*_compared(version.score, rows[:, :1]), *_compared(version.features, rows[:, 1:])]
        version.drift = [(c.name, _distance(c), c.now[-1] / max(sum(c.now), 1)) for c in columns]
        features = [column for column in columns if column.name != SCORE]
        self._tell(version, "score", {"columns": tuple(columns[:1])}, found, scores)
        if features:
            far = tuple(sorted(features, key=_distance, reverse=True)[:FARTHEST])
            holes = tuple(sorted(features, key=lambda column: -column.now[-1])[:FARTHEST])
            self._tell(version, "features", {"columns": far, "of": len(features)}, found, scores)
            self._tell(version, "missing", {"columns": holes, "of": len(features)}, found, scores)

    def _learn_truth(self, truths: Truths, found: list[Transition], scores: list[float]) -> None:
        is_known = any(entity == truths.entity for entity, _ in self._versions)
        for key, at_ns, value in zip(truths.key.tolist(), truths.at_ns.tolist(), truths.value.tolist(), strict=True):
            predicted = self._waiting.pop((truths.entity, key), None)
            if predicted is None:
                self.unmatched += 1
                if is_known:
                    self._unmatched_of[truths.entity] = self._unmatched_of.get(truths.entity, 0) + 1
                continue
            name, score, group = predicted
            self._lost(self._versions[truths.entity, name], (value, score, group), at_ns, found, scores)

    def _lost(
        self,
        version: Version,
        label: tuple[float, float, str],
        at_ns: int,
        found: list[Transition],
        scores: list[float],
    ) -> None:
        value, score, group = label
        loss, p = (value - score) * (value - score), self._parameters  # a power of a float raises where this is inf
        if not loss <= MOST_LOSS:
            return
        if group in version.groups or len(version.groups) < MOST_GROUPS:
            one = version.groups.setdefault(group, Group())
            one.labelled, one.loss = one.labelled + 1, one.loss + loss
            one.wrong += int((score >= 0.5) != (value >= 0.5))
        if version.before.count < p.label_reference:
            version.before.add(loss, at_ns)
            return
        version.recent.add(loss, at_ns)
        if version.recent.count >= p.label_window:
            then, now = version.before, version.recent
            version.loss_now = now.mean
            version.recent = Losses()
            version.last_ns = max(version.last_ns, at_ns)
            losses = ((then.count, then.mean, then.variance), (now.count, now.mean, now.variance))
            self._tell(version, "accuracy", {"losses": losses, "since_ns": now.since_ns}, found, scores)

    def _tell(
        self,
        version: Version,
        channel: Channel,
        seen: Mapping[str, Any],
        found: list[Transition],
        scores: list[float],
    ) -> None:
        window = Window(
            channel=channel,
            name=f"{version.entity.rpartition('/')[2]} {version.version}",
            at_ns=version.last_ns,
            story=version.stories.get(channel, Story()),
            **{"since_ns": version.began_ns, **seen},
        )
        version.stories[channel], output = told(window, self._parameters)
        scores.append(output["p_value"])
        if output["event"] != "none":
            found.append(_transition(version, channel, {"window": msgspec.to_builtins(window)}, output))

    def _silences(self, at_ns: int) -> list[Transition]:
        """What fires and has had no prediction for half an hour is over: the version was replaced."""
        found = []
        for version in self._versions.values():
            if not at_ns or at_ns - version.last_ns < SILENT_NS:
                continue
            for channel, story in version.stories.items():
                if story.firing:
                    given = {"subject": version.subject, "since_ns": story.since_ns, "last_ns": version.last_ns}
                    version.stories[channel] = Story()
                    output = _silenced(given)
                    found.append(_transition(version, channel, {"silent": given}, output, at_ns))  # type: ignore[arg-type]
        return found


def _take_over(version: Version, before: Version) -> None:
    """A new version is compared with what the one before saw, and how often that one was wrong."""
    version.names, version.features = before.names, before.features
    if before.before.count:
        version.before = msgspec.structs.replace(before.before)


def _columns(batch: Predictions, names: Sequence[str]) -> F64:
    """f64[n, 1 + names]: the score, then the features that are watched; NaN for one that was not sent."""
    rows = np.full((len(batch), 1 + len(names)), np.nan)
    rows[:, 0] = batch.score
    place = {name: number for number, name in enumerate(batch.names)}
    for number, name in enumerate(names, start=1):
        if name in place:
            rows[:, number] = batch.features[:, place[name]]
    return rows


def _compared(kept: Kept | None, rows: F64) -> list[Column]:
    if kept is None:
        return []
    now = kept.count(rows)
    return [
        Column(name=name, then=tuple(then), now=tuple(int(n) for n in counts))
        for name, then, counts in zip(kept.names, kept.counts, now, strict=True)
    ]


def _distance(column: Column) -> float:
    return psi(np.array(column.then[:-1]), np.array(column.now[:-1]))


def _transition(
    version: Version, channel: Channel, inputs: dict[str, Any], output: dict[str, Any], at_ns: int = 0
) -> Transition:
    name, severity, signal = NAMES[channel]
    is_judged = "limit" in output
    return Transition(
        subject=version.subject,
        entity=version.entity,
        firing=output["firing"],
        since_ns=output["since_ns"],
        at_ns=at_ns or version.last_ns,
        name=name,
        signal=signal,
        severity=severity,
        summary=output["summary"],
        channel=channel,
        inputs=inputs,
        output=output,
        band=Band(low=0.0, high=output["limit"], value=output["value"]) if is_judged else None,
        p_value=output.get("p_value"),
        labels={"model_version": version.version},
    )


def _silenced(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "event": "ended",
        "firing": False,
        "since_ns": given["since_ns"],
        "summary": f"{given['subject']} has predicted nothing for half an hour",
    }
