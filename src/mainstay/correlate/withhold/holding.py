"""Which incident's page waits, why, and when it leaves after all."""

from __future__ import annotations

import msgspec

from mainstay.correlate.moment import Moment
from mainstay.correlate.state import Held, Kept
from mainstay.correlate.views import in_order
from mainstay.correlate.withhold import entries
from mainstay.correlate.withhold.below import inputs_of
from mainstay.correlate.withhold.state import WithheldState
from mainstay.domain.alerts import SEVERITIES
from mainstay.domain.budget import DEFAULT_TEAM
from mainstay.domain.incidents import TimelineEntry
from mainstay.domain.ledger import Entry
from mainstay.domain.models import Decision
from mainstay.domain.silences import Withheld, Withholding

LONGEST_HOLD_MS = 3_600_000  # a symptom that outlives an hour is told: nobody waits on a suppressor for ever
SILENCE_EVERY_S = 10
MOST_NAMED = 100


class Holding:
    """Holds the page of an incident while every alert that it has to tell is marked.

    What it has to tell: before its first page, what burns and is not muted; after it, what is worse than what was
    told. One such alert without a mark, and the page leaves.
    """

    def __init__(self, state: WithheldState) -> None:
        self._state = state

    def judge(self, held: Held, moment: Moment, *, is_new: bool) -> None:
        """An incident changed. `is_new`: marks of it did, or alerts came to it."""
        name, severity = held.incident.id, held.incident.severity
        if not held.is_open:
            self._close(held, moment)
            return
        record, told = self._state.holds.get(name), self._state.paged.get(name)
        if (record is not None and (is_new or severity != record.severity)) or (
            record is None and (told is None or SEVERITIES.index(severity) < SEVERITIES.index(told))
        ):
            self._settle(held, moment)

    def look_below(self, moment: Moment) -> None:
        """Once a second of record time: whether what suppresses still burns and speaks."""
        second = moment.at_ms // 1000
        below = [one for one in (*self._state.holds.values(), *self._state.shadows.values()) if one.by == "dependency"]
        if not below or second == self._state.looked_s:
            return
        is_turn = second // SILENCE_EVERY_S != self._state.looked_s // SILENCE_EVERY_S
        self._state.looked_s = second
        silent = moment.state.vitals.silent({one.entity for one in below}) if is_turn else {}
        for one in below:
            held = moment.state.held.get(one.incident)
            why = self._is_over(one, silent, moment)
            if why and held is not None:
                self.release(held, why, moment)

    def release(self, held: Held, why: str, moment: Moment) -> None:
        """A symptom is one no more: it is told, or would be now."""
        name, state = held.incident.id, self._state
        state.freed[name] = ""
        shadow = state.shadows.pop(name, None)
        if shadow is not None:
            self._end(shadow, "released", why, moment)
        if name not in state.holds:
            return
        for kept in held.alerts.values():
            if kept.alert.withheld is not None and kept.alert.withheld.by == "dependency":
                _mark(kept, None, moment)
        self._settle(held, moment, why)

    def _settle(self, held: Held, moment: Moment, why: str = "") -> None:
        """It has something to tell: hold that, or let it go."""
        news = self._news(held)
        decision = self._ask(held, [kept for kept in news if kept.alert.withheld is None], moment)
        marks = [kept.alert.withheld for kept in news if kept.alert.withheld is not None]
        if news and len(marks) == len(news):
            self._hold(held, _lasting(marks), news, moment, decision)
        else:
            self._tell(held, why or ("not all of it is withheld" if marks else "nothing withholds it any more"), moment)

    def _tell(self, held: Held, why: str, moment: Moment) -> None:
        name = held.incident.id
        self._state.paged[name] = held.incident.severity
        record = self._state.holds.pop(name, None)
        if record is None:
            return
        self._end(record, "released", why, moment)
        held.change(moment.at_ms, withheld=None)
        held.tell(TimelineEntry(at_ms=moment.at_ms, kind="page", says=f"paged now: {why}"[:300], ref=record.ref))
        moment.register.touch(held)

    def _news(self, held: Held) -> list[Kept]:
        """The alerts that its next page would be about, by onset."""
        told = self._state.paged.get(held.incident.id)
        worse = [
            kept
            for kept in held.alerts.values()
            if not kept.alert.suppressed
            and kept.alert.severity != "info"
            and (told is None or SEVERITIES.index(kept.alert.severity) < SEVERITIES.index(told))
        ]
        burning = [kept for kept in worse if kept.alert.status == "firing"]
        return sorted(burning or worse, key=lambda kept: (kept.alert.since_ms, kept.alert.id))

    def _ask(self, held: Held, bare: list[Kept], moment: Moment) -> Decision | None:
        """Ask the suppressor about alerts without a mark; it marks them if their team has switched that on.

        While that is only proposed, what it says is noted, and nothing is held.
        """
        name, state = held.incident.id, self._state
        if not bare or name in state.freed or name in state.shadows:
            return None
        team = bare[0].alert.owner or DEFAULT_TEAM
        mode = state.mode(team)
        case = inputs_of(held, bare, mode, state, moment) if mode != "off" else None
        decision = moment.models.decide("suppressor", case) if case is not None else None
        if decision is None or decision.output["action"] != "hold":
            return None
        mark = Withheld(by="dependency", ref=team, why=decision.output["why"], decided_by=decision.decided_by)
        if mode == "on":
            for kept in bare:
                _mark(kept, mark, moment)
            return decision
        entry = moment.write(self._symptom(held, team, decision, bare, moment))
        shadow = _record(held, mark, entry, bare, moment, decision)
        state.shadows[name] = self._write(msgspec.structs.replace(shadow, mode="proposed"), moment)
        return None

    def _hold(self, held: Held, mark: Withheld, news: list[Kept], moment: Moment, decision: Decision | None) -> None:
        """The page is held from now on, or goes on to be: by another mark, or one page more."""
        name, incident = held.incident.id, held.incident
        record = self._state.holds.get(name)
        is_worse = record is not None and incident.severity != record.severity
        is_same = record is not None and (mark.by, mark.ref) == (record.by, record.ref) and decision is None
        if record is None or is_worse or not is_same:
            entry = moment.write(self._entry(held, mark, news, moment, decision))
            made = _record(held, mark, entry, news, moment, decision)
            if record is not None:
                made = msgspec.structs.replace(
                    made, id=record.id, at_ms=record.at_ms, pages=record.pages + is_worse, team=record.team,
                    suppressor=made.suppressor or record.suppressor, entity=made.entity or record.entity,
                )  # fmt: skip
            self._state.holds[name] = self._write(made, moment)
        if incident.withheld == mark:
            return
        held.change(moment.at_ms, withheld=mark)
        says = f"page withheld: {mark.why}"[:300]
        held.tell(TimelineEntry(at_ms=moment.at_ms, kind="page", says=says, ref=mark.ref, decided_by=mark.decided_by))
        moment.register.touch(held)

    def _entry(self, held: Held, mark: Withheld, news: list[Kept], moment: Moment, decision: Decision | None) -> Entry:
        if decision is not None:
            return self._symptom(held, mark.ref, decision, news, moment)
        known = self._state.silences.get(mark.ref) or self._state.windows.get(mark.ref)
        rests_on = [known.entry if known else "", held.entry, *(kept.entry for kept in news[:MOST_NAMED])]
        incident = held.incident
        return entries.withheld(incident.id, mark, incident.severity, rests_on, moment.at_ms, moment.seq)

    def _symptom(self, held: Held, team: str, decision: Decision, news: list[Kept], moment: Moment) -> Entry:
        switch, other = self._state.suppressions.get(team), moment.state.held[decision.output["incident"]]
        rests_on = [switch.entry if switch else "", other.entry, held.entry]
        rests_on += [kept.entry for kept in news[:MOST_NAMED]]
        return entries.symptom(held.incident.id, decision, rests_on, moment.at_ms, moment.seq)

    def _close(self, held: Held, moment: Moment) -> None:
        """It is over: what was held will not be told."""
        name, state = held.incident.id, self._state
        state.paged.pop(name, None)
        state.freed.pop(name, None)
        is_merged = held.incident.status == "merged"
        why = f"merged into {held.incident.merged_into}: told there" if is_merged else "the incident is over"
        for kept in (state.holds, state.shadows):
            record = kept.pop(name, None)
            if record is not None:
                self._end(record, "released" if is_merged else "over", why, moment)
        if held.incident.withheld is not None:
            held.change(moment.at_ms, withheld=None)
            moment.register.touch(held)

    def _is_over(self, record: Withholding, silent: dict[str, int], moment: Moment) -> str:
        """Why what suppresses does so no more; "" while it does."""
        other = moment.state.held.get(record.suppressor)
        if other is not None and other.incident.status == "merged":
            other = moment.state.held.get(other.incident.merged_into)
        where = record.entity.rpartition("/")[2]
        if other is None or not other.is_open:
            return f"{record.suppressor} is over, and this burns on"
        member = other.members.get(record.entity)
        if member is None or not member.burning:
            return f"{where} is calm, and this burns on"
        if silent.get(record.entity, 0) >= record.at_ms:
            return f"{where} fell silent: nobody knows whether it still burns"
        return "held for an hour" if moment.at_ms - record.at_ms >= LONGEST_HOLD_MS else ""

    def _end(self, record: Withholding, status: str, why: str, moment: Moment) -> None:
        ended = msgspec.structs.replace(record, status=status, ended_ms=moment.at_ms, ended_why=why)
        self._write(ended, moment)
        moment.write(entries.ended(ended, moment.at_ms, moment.seq))

    def _write(self, record: Withholding, moment: Moment) -> Withholding:
        moment.effects.records[f"withholding:{record.id}"] = record
        return record


def _record(
    held: Held, mark: Withheld, entry: str, news: list[Kept], moment: Moment, decision: Decision | None
) -> Withholding:
    output = decision.output if decision is not None else {}
    first = in_order(held, 1)
    return Withholding(
        id=f"{held.incident.id}-{moment.seq}", incident=held.incident.id, by=mark.by, ref=mark.ref, mode="on",
        status="held", at_ms=moment.at_ms, says=mark.why, decided_by=mark.decided_by,
        team=(first[0].alert.owner if first else None) or DEFAULT_TEAM, severity=held.incident.severity,
        alerts=_names(news), suppressor=output.get("incident", ""), entity=output.get("entity", ""), entry=entry,
    )  # fmt: skip


def _lasting(marks: list[Withheld]) -> Withheld:
    """The mark that ends last: one without an end before all others."""
    return max(marks, key=lambda one: (one.until_ms is None, one.until_ms or 0, one.ref))


def _names(news: list[Kept]) -> tuple[str, ...]:
    return tuple(kept.alert.id for kept in news[:MOST_NAMED])


def _mark(kept: Kept, mark: Withheld | None, moment: Moment) -> None:
    kept.alert = msgspec.structs.replace(kept.alert, withheld=mark)
    moment.effects.alerts[kept.alert.id] = kept.alert
