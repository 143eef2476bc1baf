"""What a sender tells again: the same condition, once more. It is counted, not grouped anew."""

from __future__ import annotations

import msgspec

from mainstay.correlate import entries
from mainstay.correlate.grouping import ask, carry_out
from mainstay.correlate.moment import Moment
from mainstay.correlate.register import Register
from mainstay.correlate.state import BURST_MS, Held, Kept
from mainstay.domain.alerts import Alert
from mainstay.domain.effects import Effects

ASK_FROM = 50  # tellings of a run, below which a pause is not even asked about


class Repeats:
    """Deduplication by fingerprint, for rules that tell events rather than states.

    A telling of a condition that burns already is counted at its incident: it says how fast a flood runs, and when it
    paused. After the pause of a flood the correlator is asked whether what comes now is still the same trouble; if not,
    the condition goes on as an alert of its own, an episode, and the one before is over.
    """

    def __init__(self, register: Register) -> None:
        self._register = register
        self._ids = {kept.alert.fingerprint: name for name, kept in register.state.pending.items()}
        for held in register.state.held.values():
            for name, kept in held.alerts.items():
                if held.is_open and kept.alert.status == "firing" and kept.alert.source != "detector":
                    self._ids[kept.alert.fingerprint] = name

    def rename(self, effects: Effects) -> None:
        """News of a condition is news of its latest episode."""
        episodes = self._register.state.episodes
        for alert in list(effects.alerts.values()):
            if alert.source == "detector":
                continue
            name = episodes.get(alert.id)
            if name is not None and alert.status == "resolved":
                del episodes[alert.id]
            if name is not None:
                known = self._known(name)
                since_ms = known.alert.since_ms if known else alert.since_ms
                effects.alerts[name] = msgspec.structs.replace(alert, id=name, since_ms=since_ms)
                if alert.status == "firing":
                    del effects.alerts[alert.id]  # the episode that it was is over
            if alert.status == "firing":
                self._ids[alert.fingerprint] = name or alert.id
            else:
                self._ids.pop(alert.fingerprint, None)

    def latest(self, fingerprint: str) -> str:
        """The alert by which a condition burns now; "" when it does not."""
        return self._ids.get(fingerprint, "")

    def told(self, alert: Alert, moment: Moment) -> None:
        """A sender tells of a condition, for the first time or again."""
        name = self._ids.get(alert.fingerprint)
        if name is None or alert.status != "firing":
            return
        held = self._register.holding(name)
        if held is None:
            return  # it waits for a second witness, or nobody asked for it
        entity = held.alerts[name].alert.about
        member = held.members[entity]
        pause_ms = alert.since_ms - member.told_ms
        if pause_ms > BURST_MS and member.tellings >= ASK_FROM and self._is_another(held, name, alert, moment):
            return
        member.told(alert.since_ms)
        self._register.refresh(held, entity)

    def _is_another(self, held: Held, name: str, alert: Alert, moment: Moment) -> bool:
        """Ask whether what comes after the pause of a flood is still the same trouble; if not, begin an episode."""
        before, first = held.alerts[name], name.partition("~")[0]
        episode = msgspec.structs.replace(
            before.alert, id=f"{first}~{moment.seq}", since_ms=alert.since_ms, at_ms=moment.at_ms
        )
        decision = ask(episode, moment)
        if decision.output["action"] == "join" and decision.output["incident"] == held.incident.id:
            return False
        over = msgspec.structs.replace(
            before.alert, status="resolved", ended_ms=held.members[before.alert.about].told_ms, at_ms=moment.at_ms
        )
        self._register.join(held, Kept(over, before.entry, before.why, before.own))
        held.calm_ms = None if held.firing else held.calm_ms or moment.at_ms
        moment.effects.alerts |= {over.id: over, episode.id: episode}
        entry = moment.write(entries.episode(episode, before.entry, moment.seq))
        self._register.state.episodes[first] = self._ids[alert.fingerprint] = episode.id
        carry_out(Kept(episode, entry), decision, moment)
        return True

    def _known(self, name: str) -> Kept | None:
        held = self._register.holding(name)
        return held.alerts[name] if held else self._register.state.pending.get(name)
