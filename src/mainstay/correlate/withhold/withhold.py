"""The part of the stage that withholds: marks on alerts, pages that are held, and what people say about both."""

from __future__ import annotations

import msgspec

from mainstay.correlate.moment import Moment
from mainstay.correlate.register import Register
from mainstay.correlate.state import Kept
from mainstay.correlate.withhold.holding import Holding
from mainstay.correlate.withhold.marks import Marks
from mainstay.correlate.withhold.orders import obey
from mainstay.correlate.withhold.state import WithheldState
from mainstay.domain.alerts import Alert
from mainstay.domain.records import Command
from mainstay.domain.silences import Withheld

KINDS = ("silence", "maintenance", "suppression")


class Withhold:
    """Decides which pages wait, from the record's time alone. It costs nothing while nobody silenced anything.

    A silence that begins or ends looks at every alert that is open, once; in between a record costs what it brings.

    Args:
        state: A part of the stage's state. register: What is open.
    """

    def __init__(self, state: WithheldState, register: Register) -> None:
        self._state, self._register = state, register
        self._marks = Marks(state)
        self._holding = Holding(state)
        self._is_turn = False

    def mark(self, moment: Moment) -> None:
        """Mark the alerts of this record, before they are grouped."""
        if self._marks.is_due(moment.at_ms):
            self._marks.turn(moment.at_ms)
            self._is_turn = True
        if self._marks.is_idle and not self._state.holds:
            return
        for name, alert in list(moment.effects.alerts.items()):
            held = self._register.holding(name)
            mark = self._mark_of(alert, held.alerts[name].alert if held else alert, moment)
            if mark != alert.withheld:
                moment.effects.alerts[name] = msgspec.structs.replace(alert, withheld=mark)

    def review(self, moment: Moment) -> None:
        """After grouping: hold what is due to be told and is marked, tell what is marked no more."""
        again = self._remark(moment) if self._is_turn else {}
        self._is_turn = False
        for name in moment.effects.alerts if self._state.holds else ():
            held = self._register.holding(name)
            if held is not None and held.incident.id in self._state.holds:
                again[held.incident.id] = None
        for name in list(self._register.touched):
            held = self._register.state.held.get(name)
            if held is not None and held.incident.status == "merged":
                again[held.incident.merged_into] = None
        for name in list(dict.fromkeys([*self._register.touched, *again])):
            held = self._register.state.held.get(name)
            if held is not None:
                self._holding.judge(held, moment, is_new=name in again)
        self._holding.look_below(moment)

    def command(self, command: Command, moment: Moment) -> str:
        """A person made, changed or ended a silence or a window, or switched a suppression; says what was done."""
        says, freed = obey(command, self._state, moment)
        self._marks.turn(moment.at_ms)
        self._is_turn = True
        for name in freed:
            held = self._register.state.held.get(name)
            if held is not None:
                self._holding.release(held, f"{command.by} switched the suppression off", moment)
        self.review(moment)
        return says

    def _remark(self, moment: Moment) -> dict[str, None]:
        """Mark everything that is open anew; the incidents in which something changed."""
        again: dict[str, None] = {}
        for held in self._register.state.held.values():
            for kept in held.alerts.values() if held.is_open else ():
                if self._renew(kept, moment):
                    again[held.incident.id] = None
        for kept in self._register.state.pending.values():
            self._renew(kept, moment)
        return again

    def _renew(self, kept: Kept, moment: Moment) -> bool:
        if kept.alert.status != "firing":
            return False
        mark = self._mark_of(kept.alert, kept.alert, moment)
        if mark == kept.alert.withheld:
            return False
        kept.alert = moment.effects.alerts[kept.alert.id] = msgspec.structs.replace(kept.alert, withheld=mark)
        return True

    def _mark_of(self, alert: Alert, before: Alert, moment: Moment) -> Withheld | None:
        """What holds it now; that it is a symptom stands for as long as its incident is held."""
        mark = self._marks.of(alert, moment.chart)
        if mark is None and before.withheld is not None and before.withheld.by == "dependency":
            return before.withheld if self._is_held(alert) else None
        return mark

    def _is_held(self, alert: Alert) -> bool:
        held = self._register.holding(alert.id)
        return held is not None and held.incident.id in self._state.holds
