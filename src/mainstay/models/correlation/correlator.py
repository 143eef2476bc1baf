"""One alert, one decision: it joins an incident, opens one, or waits for a second witness."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from mainstay.models.checks import weights_of
from mainstay.models.correlation.inputs import AlertSketch, ChangeSketch, IncidentSketch, Scene, scene_of
from mainstay.models.correlation.nearness import Nearness
from mainstay.models.correlation.ties import Bounds, Link

SYMPTOMS = ("latency", "errors", "availability")
"""What users feel. The rest (saturation, logs, traffic) explains, but is no trouble by itself."""


class Correlator:
    """Groups alerts by decayed time × distance on the service graph × shared change.

    A storm after one fault spreads along calls within seconds, so every alert of it is near one that is already there.
    Two faults in unconnected parts, or minutes apart, are not. A caller that suffers from both ties them only when both
    began within a minute. Known limit: two faults of the same minute under one caller are told apart only until that
    caller's own alert links them; the diagnoser parts them where it names two causes, and a person can.

    The opening policy keeps noise from paging: one critical alert, one major alert of what users see, one exhausted
    resource, one of the user's own rules (unless it is of severity info), or alerts that agree (are linked, and began
    or arrived within `agree_within_s`) with `open_at` points.

    Source: affinity as in alert correlation by time and topology (e.g. Chen et al., "Towards intelligent incident
    management", FSE 2020), hand-set priors; single linkage makes the grouping independent of the order of arrival.
    """

    ALGORITHM: ClassVar[str] = "time-topology"
    DEFAULTS: ClassVar[dict[str, float]] = {
        "join_at": 0.3,
        "merge_at": 0.5,  # to bring two incidents together that are not of the same minute
        "young_s": 60.0,
        "tau_s": 75.0,
        "victim_tau_s": 240.0,  # a victim downstream of what still burns may show it minutes later
        "same_entity_tau_s": 900.0,
        "pending_tau_s": 120.0,
        "onset_slack_ms": 5000.0,  # one detector window: onsets are not known more exactly
        "per_hop": 0.85,
        "shared_callee": 0.65,
        "shared_tau_s": 15.0,  # two that need a third that nobody complains of: only when it hits both at once
        "witness": 0.6,  # a caller that suffers from something else already notices both at one moment
        "moment_tau_s": 10.0,
        "own_at": 0.7,  # what is so much its own does not come from what it calls
        "shared_caller": 0.25,
        "same_host": 0.5,
        "unconnected": 0.08,
        "same_words": 0.6,  # no call between them is known, but both name one node, address or service
        "shared_change": 0.7,
        "change_window_s": 300.0,
        "agree_within_s": 30.0,
        "flood_tellings": 200.0,  # so many at most `flood_every_ms` apart on average are a flood …
        "flood_every_ms": 100.0,
        "flood_pause_s": 5.0,  # … which is over after a pause of so long, and of `flood_pause` times its longest
        "flood_pause": 1.5,
        "learned": 1.0,
        "learned_prior": 1.0,  # cases; so one word of a person, who counts twice, is worth ln 3
        "learned_most": 3.0,
        "open_at": 1.6,
        "over_s": 10.0,  # a symptom that begins so long after the trouble was found to be over is of another fault
        "reopen_at": 0.6,
        "reopen_within_s": 600.0,
        "critical": 2.0,
        "major": 1.0,
        "minor": 0.6,
        "info": 0.0,
        "seconded": 0.6,
        "own_rule": 1.6,  # a rule of the user's own is never withheld, unless it says itself that it only informs
    }

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._weights: dict[str, float] = weights_of(self.DEFAULTS, parameters)
        self._bounds = Bounds.of(self._weights)

    def decide(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Join, open or hold.

        Returns:
            `action` (join, open, hold), `incident` (id or None), `reopen`, `merge` (ids of incidents that this alert
            shows to be the same), `with` (ids of waiting alerts that come along), `score` (0–1), `why`.
        """
        scene = scene_of(inputs)
        near = Nearness.of(scene, self._weights, self._bounds)
        found = self._joinable(scene, near)
        if found and self._is_another(scene, near, found[0]):
            return self._open_or_hold(scene, near)
        if found:
            return self._join(scene, near, found)
        again = self._recurrence(scene, near)
        if again is not None:
            return again
        return self._open_or_hold(scene, near)

    def _joinable(self, scene: Scene, near: Nearness) -> list[tuple[Link, IncidentSketch]]:
        """Open incidents that the alert is tied to, strongest first; a tie goes to the older one."""
        found = []
        for incident in scene.incidents:
            if self._ended_ms(scene.alert, incident) is None:
                link = self._learned(near.to_incident(scene.alert, incident), incident)
                if link.score >= self._weights["join_at"]:
                    found.append((link, incident))
        return sorted(found, key=lambda pair: (-round(pair[0].score, 6), _number(pair[1].id)))

    def _learned(self, link: Link, incident: IncidentSketch) -> Link:
        """The tie, moved by what people and earlier incidents said of such a pair: log odds add up."""
        known, prior = incident.together + incident.not_together, self._weights["learned_prior"]
        if not known or not 0.0 < link.score < 1.0:
            return link
        said = math.log((incident.together + prior) / (incident.not_together + prior))
        most = self._weights["learned_most"]
        moved = math.log(link.score / (1.0 - link.score)) + min(max(self._weights["learned"] * said, -most), most)
        why = f"{link.why}; such two belonged together in {incident.together:.1f} of {known:.1f} cases"
        return Link(1.0 / (1.0 + math.exp(-moved)), why, link.gap_ms, link.is_victim)

    def _is_another(self, scene: Scene, near: Nearness, found: tuple[Link, IncidentSketch]) -> bool:
        """A victim of what is known whose new symptom agrees better with what waits: then that is trouble of its own.

        What waits has nothing to do with the incident, or it would be in it.
        """
        link, incident = found
        if not link.is_victim:
            return False
        alert = scene.alert
        if not any(near.to_alert(alert, a).score > link.score for a in scene.pending if a.id != alert.id):
            return False
        linked = self._linked(scene, near, self._weights["agree_within_s"] * 1000)
        apart = [a for a in linked if near.to_incident(a, incident).score < self._weights["join_at"]]
        best = max((near.to_alert(alert, other).score for other in apart), default=0.0)
        return best > link.score and self._suffices(alert, apart, self._points(alert, apart))

    def _join(self, scene: Scene, near: Nearness, found: Sequence[tuple[Link, IncidentSketch]]) -> dict[str, Any]:
        (link, incident), *others = found
        others = [] if scene.alert.is_hint else others  # a hint brings nothing together
        merge = [other.id for tie, other in others if self._is_same(scene, near, tie, incident, other)]
        why = f"{link.why}; onset {link.gap_ms / 1000:.0f} s apart"
        if merge:
            why += f"; it also ties {', '.join(merge)} to {incident.id}"
        linked = [] if scene.alert.is_hint else self._linked(scene, near, within_ms=None)
        grown = near.with_alert(incident, scene.alert) if linked else incident
        along = [a.id for a in linked if near.to_incident(a, grown).score >= self._weights["join_at"]]
        return _output("join", why, link.score, incident=incident.id, merge=merge, along=along)

    def _is_same(
        self, scene: Scene, near: Nearness, tie: Link, incident: IncidentSketch, other: IncidentSketch
    ) -> bool:
        """Young incidents meet as their alerts would have; old ones need a stronger tie than a victim of both.

        Two that nothing known explains together stay two, however much their victims suffer from both, unless they
        began in the same window; so do two whose causes are known and are not the same.
        """
        if incident.id in other.apart or other.id in incident.apart:
            return False
        apart_ms = abs(_began(incident) - _began(other))
        if apart_ms > self._weights["onset_slack_ms"]:
            causes = {incident.cause, other.cause} - {""}
            if len(causes) > 1 or not near.is_one_story(scene.alert, incident, other):
                return False
        if apart_ms <= self._weights["young_s"] * 1000:
            return True
        return tie.score >= self._weights["merge_at"] and not tie.is_victim

    def _recurrence(self, scene: Scene, near: Nearness) -> dict[str, Any] | None:
        alert = scene.alert
        along = self._linked(scene, near, self._weights["agree_within_s"] * 1000)
        if self._points(alert, along) < self._weights["reopen_at"]:
            return None
        ended = [(self._ended_ms(alert, i), i) for i in scene.incidents]
        again = [(at_ms, i) for at_ms, i in ended if at_ms is not None and self._is_again(scene, near, i, at_ms)]
        if not again:
            return None
        ended_ms, incident = max(again, key=lambda pair: (pair[0], _number(pair[1].id)))
        is_closed = incident.resolved_ms is not None
        ago_s = (scene.at_ms - ended_ms) / 1000
        why = f"the same symptom of {_short(alert.entity)} was over {ago_s:.0f} s ago: it came back"
        return _output("join", why, 1.0, incident=incident.id, reopen=is_closed, along=[other.id for other in along])

    def _ended_ms(self, alert: AlertSketch, incident: IncidentSketch) -> int | None:
        """When an incident ended, as far as this alert is concerned: resolved, or calm well before the onset.

        What still burns of it then are victims that recover slowly: a new symptom beside them is a new story.
        """
        if incident.over_ms is None:
            return incident.resolved_ms
        is_long_over = alert.since_ms - incident.over_ms > self._weights["over_s"] * 1000
        return incident.over_ms if is_long_over or incident.resolved_ms is not None else None

    def _is_again(self, scene: Scene, near: Nearness, incident: IncidentSketch, ended_ms: int) -> bool:
        """What was suspected first has the symptom again; what suffers from others may suffer from another by now."""
        alert = scene.alert
        if scene.at_ms - ended_ms > self._weights["reopen_within_s"] * 1000:
            return False
        known = incident.cause or incident.suspect
        if (known and known not in alert.places) or (not incident.cause and not near.is_root(alert, incident)):
            return False
        if any(self._is_new(change, alert, incident, ended_ms) for change in scene.changes):
            return False
        symptom = alert.symptom or f"{alert.entity}|{alert.signal}"
        return alert.fingerprint in incident.fingerprints or symptom in incident.symptoms

    def _is_new(self, change: ChangeSketch, alert: AlertSketch, incident: IncidentSketch, ended_ms: int) -> bool:
        """Somebody changed it since: what comes now is a new story. A restart during the trouble changed nothing."""
        if change.entity != alert.entity or change.by_mainstay:
            return False
        began_ms = _began(incident) + self._weights["onset_slack_ms"]
        return change.at_ms > (ended_ms if change.kind == "restart" else began_ms)

    def _open_or_hold(self, scene: Scene, near: Nearness) -> dict[str, Any]:
        alert = scene.alert
        witnesses = self._linked(scene, near, self._weights["agree_within_s"] * 1000)
        points = self._points(alert, witnesses) + self._seconded(scene, near)
        score = min(1.0, points / self._weights["open_at"])
        if not self._suffices(alert, witnesses, points):
            needs = f"{points:.1f} of {self._weights['open_at']:.1f} points"
            return _output("hold", f"{_alone(alert, witnesses)} opens nothing yet ({needs}); it stays listed", score)
        along = [other.id for other in self._linked(scene, near, within_ms=None)]
        return _output("open", self._why_open(alert, witnesses), score, along=along)

    def _seconded(self, scene: Scene, near: Nearness) -> float:
        """Who depends on it suffers anew at that moment, though an older trouble has the suffering already."""
        alert, within_ms = scene.alert, self._weights["agree_within_s"] * 1000
        is_felt = alert.signal in SYMPTOMS and any(
            member.is_firing and member.is_about and member.entity != alert.entity
            and near.graph.depends(member.entity, alert.entity) and abs(member.last_ms - alert.since_ms) <= within_ms
            for incident in scene.incidents if self._ended_ms(alert, incident) is None
            for member in incident.members
        )  # fmt: skip
        return self._weights["seconded"] if is_felt else 0.0

    def _suffices(self, alert: AlertSketch, witnesses: Sequence[AlertSketch], points: float) -> bool:
        if points < self._weights["open_at"]:
            return False
        everyone = [alert, *witnesses]
        return any(a.signal in SYMPTOMS or a.is_rule or self._is_strong(a) for a in everyone)

    def _points(self, alert: AlertSketch, witnesses: Sequence[AlertSketch]) -> float:
        """One subject testifies once, however often it cries."""
        best: dict[str, float] = {}
        for witness in [alert, *witnesses]:
            key = witness.subject or witness.id
            best[key] = max(best.get(key, 0.0), self._weight(witness))
        return sum(best.values())

    def _weight(self, alert: AlertSketch) -> float:
        if alert.is_muted:
            return 0.0
        if self._is_strong(alert):
            return self._weights["critical"]
        points = self._weights.get(alert.severity, 0.0)
        return max(points, self._weights["own_rule"]) if alert.is_rule and points > 0 else points

    def _is_strong(self, alert: AlertSketch) -> bool:
        """Whether it opens an incident by itself."""
        if alert.is_muted:
            return False
        is_felt = alert.signal in SYMPTOMS and alert.user_facing
        return (
            alert.severity == "critical"
            or alert.near_exhaustion
            or (alert.severity == "major" and (is_felt or alert.is_rule))
        )

    def _linked(self, scene: Scene, near: Nearness, within_ms: float | None) -> list[AlertSketch]:
        """Waiting alerts tied to this one, directly or over one another; what only informs ties nothing."""
        if not scene.pending:
            return []
        linked: list[AlertSketch] = []
        border, waiting = [scene.alert], [a for a in scene.pending if a.id != scene.alert.id]
        while border:
            here = border.pop()
            joined = [a for a in waiting if self._agree(near, here, a, within_ms)]
            waiting = [a for a in waiting if a not in joined]
            border += [a for a in joined if not a.is_hint]
            linked += joined
        return sorted(linked, key=lambda a: (a.since_ms, a.id))

    def _agree(self, near: Nearness, one: AlertSketch, other: AlertSketch, within_ms: float | None) -> bool:
        apart_ms = min(abs(one.since_ms - other.since_ms), abs(one.at_ms - other.at_ms))
        if within_ms is not None and apart_ms > within_ms:
            return False
        return max(near.to_alert(one, other).score, near.to_alert(other, one).score) >= self._weights["join_at"]

    def _why_open(self, alert: AlertSketch, witnesses: Sequence[AlertSketch]) -> str:
        if self._is_strong(alert):
            kind = "what users see" if alert.user_facing and alert.severity != "critical" else alert.severity
            kind = "a resource nearly exhausted" if alert.near_exhaustion else kind
            return f"{alert.signal} of {_short(alert.entity)} suffices by itself: {kind}"
        if not witnesses:
            return f"{alert.name or alert.signal} of {_short(alert.entity)}: a rule of your own is never withheld"
        names = sorted({f"{a.signal} of {_short(a.entity)}" for a in [alert, *witnesses]})
        return f"{len(witnesses) + 1} alerts agree: {', '.join(names[:4])}"


def _began(incident: IncidentSketch) -> int:
    return incident.began_ms or min((member.first_ms for member in incident.members), default=0)


def _alone(alert: AlertSketch, witnesses: Sequence[AlertSketch]) -> str:
    company = f" with {len(witnesses)} more" if witnesses else ""
    return f"{alert.severity} {alert.signal} of {_short(alert.entity)}{company}"


def _output(action: str, why: str, score: float, **rest: Any) -> dict[str, Any]:
    return {
        "action": action,
        "incident": rest.get("incident"),
        "reopen": bool(rest.get("reopen", False)),
        "merge": list(rest.get("merge", ())),
        "with": list(rest.get("along", ())),
        "score": round(score, 4),
        "why": why,
    }


def _number(incident: str) -> int:
    digits = incident.rpartition("-")[2]
    return int(digits) if digits.isdigit() else 0


def _short(entity: str) -> str:
    return entity.rpartition("/")[2] or entity
