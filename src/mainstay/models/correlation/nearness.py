"""How near two symptoms are: on the service graph, in time, and through a change that both may come from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from mainstay.models.correlation.graph import Graph, meeting
from mainstay.models.correlation.inputs import AlertSketch, ChangeSketch, IncidentSketch, Member, Scene
from mainstay.models.correlation.ties import NO_LINK, Bounds, Link, short

Place = tuple[float, str, tuple[str, ...], float]
"""Closeness on the graph, in words with the names in them, and how fast it fades (seconds)."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """Links by the weights of one model version; symmetric, so that the order of arrival does not matter."""

    weights: Mapping[str, float]
    bounds: Bounds
    graph: Graph
    hosts: Mapping[str, str]
    changes: tuple[ChangeSketch, ...]
    words: Mapping[str, str]
    speaker: str

    @classmethod
    def of(cls, scene: Scene, weights: Mapping[str, float], bounds: Bounds) -> Nearness:
        """For one decision."""
        told = [(a.told_by, a.entity) for a in (scene.alert, *scene.pending) if a.told_by]
        return cls(
            weights, bounds, Graph([*scene.edges, *told]), scene.hosts, scene.changes, scene.words, scene.alert.id
        )

    def to_incident(self, alert: AlertSketch, incident: IncidentSketch) -> Link:
        """The tie of an alert to the nearest entity of an incident; of several, the first."""
        return self._strongest(alert, incident.members, incident.cause)

    def _strongest(self, alert: AlertSketch, members: Sequence[Member], cause: str = "") -> Link:
        """The tie to the nearest of these, which are all that the incident has.

        What cannot be nearer than what was found is passed over. The nearest usually come first, so of a storm's
        incident little more than one entity is looked into.
        """
        best, places, bounds = None, alert.places, self.bounds
        for member in members:
            gap_ms = _gap_ms(alert, member)
            if gap_ms > bounds.longest_ms:
                link: Link | None = Link(0.0, NO_LINK.says, gap_ms)
            else:
                if best is not None:
                    at_most = bounds.same if member.entity in places else bounds.other
                    if best.score >= max(at_most * math.exp(-gap_ms / 1000 / bounds.tau_s), bounds.noticed):
                        continue
                link = self._to_member(alert, member, members, cause, best.score if best is not None else -math.inf)
            if link is not None and (best is None or link.score > best.score):
                best = link
        return best if best is not None else NO_LINK

    def _to_member(
        self, alert: AlertSketch, member: Member, company: Sequence[Member], cause: str, beat: float
    ) -> Link | None:
        """The tie of an alert to one entity of an incident: the stronger of what it describes.

        Args:
            alert: What is to be placed.
            member: One entity of the incident.
            company: All that the incident has; among them may be what explains the member already.
            cause: What the incident came from, if that is known: nothing else explains it.
            beat: A tie that is no stronger need not be found; None may stand for it.
        """
        gap_ms = _gap_ms(alert, member)
        if alert.is_rule and self._is_over(member, alert.since_ms):
            return Link(0.0, "the flood at {} was over", gap_ms, names=(member.entity,))
        is_below = member.entity != alert.entity and self.graph.depends(alert.entity, member.entity)
        explains = self._explaining(member, alert, company) if not is_below and member.entity != cause else ()
        best: Link | None = None
        for place in alert.places:
            link = self._link(place, alert, member, gap_ms, explains, beat)
            if link is not None and (best is None or link.score > best.score):
                best = link
        witness = alert.told_by
        if witness and member.entity != witness and self.graph.depends(witness, member.entity):
            link = self._noticed(witness, gap_ms)
            best = link if best is None or link.score > best.score else best
        return best

    def _explaining(self, member: Member, alert: AlertSketch, company: Sequence[Member]) -> tuple[Member, ...]:
        """From what in the incident it suffers already that has nothing to do with the alert.

        Then it is no evidence for what else it calls: two troubles below one caller are two.
        """
        here, it, graph = alert.entity, member.entity, self.graph
        others = [o for o in company if o.is_about and o.entity != it]
        if here != it:
            over, under = graph.above(here), graph.below(here)
            others = [o for o in others if o.entity not in over and o.entity not in under]
        if not others:
            return ()
        callers, callees = graph.above(it), graph.below(it)
        return tuple(o for o in others if o.entity in callees and o.entity not in callers)

    def _noticed(self, witness: str, gap_ms: int) -> Link:
        """One caller notices two troubles: if at one moment, it may be its own, or something that nobody tells of."""
        closeness, tau_s = self.weights["witness"], self.weights["moment_tau_s"]
        score = closeness * math.exp(-gap_ms / 1000 / tau_s)
        return Link(score, "{} notices both at once", gap_ms, names=(witness,))

    def _is_below(self, entity: str, other: str) -> bool:
        """Whether the other depends on it, and not the other way round as well."""
        return entity != other and self.graph.depends(other, entity) and not self.graph.depends(entity, other)

    def with_alert(self, incident: IncidentSketch, alert: AlertSketch) -> IncidentSketch:
        """The incident as it is with this alert in it."""
        return msgspec.structs.replace(incident, members=(*incident.members, *_members(alert)))

    def is_one_story(self, alert: AlertSketch, one: IncidentSketch, other: IncidentSketch) -> bool:
        """Whether one thing may be behind both: a root of one explains one of the other, or the alert does."""
        return any(self._is_one(alert, left, right) for left in self._roots(one) for right in self._roots(other))

    def _is_one(self, alert: AlertSketch, left: Member, right: Member) -> bool:
        depends = self.graph.depends
        if depends(left.entity, right.entity) or depends(right.entity, left.entity):
            upper = left if depends(left.entity, right.entity) else right
            return left.entity == right.entity or upper.own < self.weights["own_at"]
        if any(depends(left.entity, place) and depends(right.entity, place) for place in alert.places):
            return True
        hosts = {self.hosts.get(left.entity, left.entity), self.hosts.get(right.entity, right.entity)}
        is_load = left.is_saturated and right.is_saturated
        return (is_load and len(hosts) == 1) or bool(self._shared_change(left.entity, left.first_ms, right))

    def is_root(self, alert: AlertSketch, incident: IncidentSketch) -> bool:
        """Whether it is about something that nothing else in the incident explains."""
        return any(root.entity in alert.places for root in self._roots(incident))

    def _roots(self, incident: IncidentSketch) -> list[Member]:
        """What it is about and nothing else in it explains."""
        about = [member for member in incident.members if member.is_about] or list(incident.members)
        return [
            member
            for member in about
            if member.entity == incident.cause or not any(self._is_below(o.entity, member.entity) for o in about)
        ]

    def _is_over(self, member: Member, at_ms: int) -> bool:
        """Whether a flood of tellings ended there: it paused for much longer than it ever had.

        What runs at ten a second without a pause and then stops for seconds has ended, however short that is.
        """
        weights, gap_ms = self.weights, at_ms - member.last_ms
        if member.tellings < weights["flood_tellings"]:
            return False
        every_ms = (member.last_ms - member.burst_ms) / member.tellings
        longest_ms = max(weights["flood_pause_s"] * 1000, weights["flood_pause"] * member.pause_ms)
        return every_ms <= weights["flood_every_ms"] and gap_ms > longest_ms

    def to_alert(self, alert: AlertSketch, other: AlertSketch) -> Link:
        """The tie of two alerts. What has waited for long is old news, even on the same entity."""
        link = self._strongest(alert, _members(other))
        fresh = math.exp(-link.gap_ms / 1000 / self.weights["pending_tau_s"])
        return Link(min(link.score, fresh), link.says, link.gap_ms, names=link.names)

    def _link(
        self, entity: str, alert: AlertSketch, member: Member, gap_ms: int, explains: Sequence[Member], beat: float
    ) -> Link | None:
        if self._is_own(alert) and self._comes_from(entity, member, explains):
            return self._noticed(member.entity, abs(alert.since_ms - member.first_ms))
        if explains and entity != member.entity and self.graph.depends(member.entity, entity):
            return self._noticed(member.entity, _since_ms(alert, explains))
        place = self._on_the_way(entity, alert, member, bool(explains))
        if place is None:
            if self.bounds.aside * math.exp(-gap_ms / 1000 / self.bounds.tau_s) <= beat:
                return None
            place = self._aside(entity, alert, member, explains)
        closeness, says, names, tau_s = place
        change = self._shared_change(entity, alert.since_ms, member) if self.changes else ""
        if change and closeness < self.weights["shared_change"]:
            closeness, says, names = self.weights["shared_change"], f"both follow {change}", ()
        is_other = member.entity != entity or not member.is_about or bool(explains)
        is_victim = not change and is_other and self.graph.depends(entity, member.entity)
        return Link(closeness * math.exp(-gap_ms / 1000 / tau_s), says, gap_ms, is_victim, names)

    def _is_own(self, alert: AlertSketch) -> bool:
        return alert.own is not None and alert.own >= self.weights["own_at"]

    def _comes_from(self, entity: str, member: Member, explains: Sequence[Member]) -> bool:
        """Whether the member would be what it suffers from, or suffers there with it."""
        return bool(explains) if entity == member.entity else self.graph.depends(entity, member.entity)

    def _on_the_way(self, entity: str, alert: AlertSketch, member: Member, is_explained: bool) -> Place | None:
        """Where one is the other, or depends on it; None when neither does."""
        weights, other = self.weights, member.entity
        if entity == other and member.is_about and not is_explained:
            return 1.0, "same entity {}", (entity,), weights["same_entity_tau_s"]
        if entity == other:
            return self._per_hop(1), "{} suffers already from what it calls", (entity,), weights["victim_tau_s"]
        hops = self.graph.below(entity).get(other)
        if hops is not None:
            is_victim = alert.since_ms >= member.first_ms - weights["onset_slack_ms"]
            tau_s = weights["victim_tau_s"] if is_victim else weights["tau_s"]
            return self._per_hop(hops), "{} depends on {}", (entity, other), tau_s
        hops = self.graph.above(entity).get(other)
        if hops is None:
            return None
        is_victim = member.first_ms >= alert.since_ms - weights["onset_slack_ms"]
        tau_s = weights["victim_tau_s"] if is_victim else weights["tau_s"]
        return self._per_hop(hops), "{} depends on {}", (other, entity), tau_s

    def _aside(self, entity: str, alert: AlertSketch, member: Member, explains: Sequence[Member]) -> Place:
        """Where neither depends on the other. What suffers from something else is little sign of a third."""
        weights, tau_s, other = self.weights, self.weights["tau_s"], member.entity
        host = self.hosts.get(entity)
        is_about_host = alert.is_load or member.is_saturated
        if host and is_about_host and host in (self.hosts.get(other), short(other)):
            return weights["same_host"], f"{short(entity)} and {short(other)} share the host {host}", (), tau_s
        below = meeting(self.graph.below(entity), self.graph.below(other))
        if below:
            closeness = weights["shared_callee"] * weights["per_hop"] ** (below[0] - 2)
            if explains:
                closeness *= math.exp(-_since_ms(alert, explains) / 1000 / weights["moment_tau_s"])
            return closeness, "{} and {} both depend on {}", (entity, other, below[1]), weights["shared_tau_s"]
        above = meeting(self.graph.above(entity), self.graph.above(other))
        if above:
            return weights["shared_caller"], "{} and {} are both used by {}", (entity, other, above[1]), tau_s
        if other in self.words and alert.id == self.speaker:
            return (
                weights["same_words"],
                f"{short(entity)} and {short(other)} both speak of {self.words[other]}",
                (),
                tau_s,
            )
        return weights["unconnected"], "no known connection of {} and {}", (entity, other), tau_s

    def _per_hop(self, hops: int) -> float:
        return self.weights["per_hop"] ** hops

    def _shared_change(self, entity: str, since_ms: int, member: Member) -> str:
        """A change shortly before both, on something that both depend on (or are)."""
        earliest = min(since_ms, member.first_ms) + self.weights["onset_slack_ms"]
        for change in self.changes:
            age_ms = earliest - change.at_ms
            if change.by_mainstay or not 0 <= age_ms <= self.weights["change_window_s"] * 1000:
                continue
            if change.entity in self.graph.below(entity) and change.entity in self.graph.below(member.entity):
                return f"change {change.id} on {short(change.entity)}"
        return ""


def _since_ms(alert: AlertSketch, explains: Sequence[Member]) -> int:
    """How far its onset is from when the nearest of these began."""
    return min(abs(alert.since_ms - other.first_ms) for other in explains)


def _members(alert: AlertSketch) -> list[Member]:
    """An alert as the entities of an incident that has nothing else."""
    return [
        Member(
            entity=end, first_ms=alert.since_ms, last_ms=alert.since_ms, is_saturated=alert.is_load,
            is_about=end in alert.places,
        )
        for end in alert.ends
    ]  # fmt: skip


def _gap_ms(alert: AlertSketch, member: Member) -> int:
    """How far its onset is from those that the member has had."""
    early = member.first_ms - alert.since_ms
    return early if early >= 0 else max(alert.since_ms - member.last_ms, 0)
